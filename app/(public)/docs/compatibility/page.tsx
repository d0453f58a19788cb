import type { Metadata } from "next";
import { headers } from "next/headers";
import { getTranslations } from "next-intl/server";
import { Exclusions } from "@/components/compatibility/exclusions";
import { Matrix } from "@/components/compatibility/matrix";
import { Protocols } from "@/components/compatibility/protocols";
import { Questions } from "@/components/compatibility/questions";
import { PageHead } from "@/components/shell/page-head";
import { compatibilityOf } from "@/lib/catalog/compatibility";
import { PROVIDER_KINDS } from "@/lib/catalog/provider-kinds";
import { env } from "@/lib/env";
import { LOCALE_PARAMETER, LOCALES } from "@/lib/locale";
import { publicOrigin } from "@/lib/origin";

const PATH = "/docs/compatibility";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("compatibility");
  const languages = LOCALES.map((locale) => [locale, `${PATH}?${LOCALE_PARAMETER}=${locale}`]);
  return {
    title: t("title"),
    description: t("text"),
    alternates: { canonical: PATH, languages: Object.fromEntries(languages) },
  };
}

/** Which client protocol does what with which provider: the table that the contract suite proves. */
export default async function CompatibilityPage() {
  const t = await getTranslations("compatibility");
  const { publicUrl, production, sandboxInProduction } = env();
  const hasSandbox = !production || sandboxInProduction;
  const table = compatibilityOf(PROVIDER_KINDS.filter(({ id }) => hasSandbox || id !== "sandbox"));
  return (
    <>
      <div className="mx-auto max-w-[1280px] px-4 md:px-8">
        <PageHead title={t("title")} text={t("text")} />
      </div>
      <Protocols origin={publicOrigin(await headers(), publicUrl)} dialects={table.dialects} />
      <Matrix dialects={table.dialects} features={table.features} rows={table.rows} />
      <Exclusions exceptions={table.exceptions} />
      <Questions features={table.features} />
    </>
  );
}
