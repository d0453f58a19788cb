import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { ModelTable } from "@/components/models/model-table";
import { EmptyState } from "@/components/shell/empty-state";
import { PageHead } from "@/components/shell/page-head";
import { listModels } from "@/lib/catalog/queries";
import { LOCALE_PARAMETER, LOCALES } from "@/lib/locale";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("models");
  const languages = LOCALES.map((locale) => [locale, `/models?${LOCALE_PARAMETER}=${locale}`]);
  return {
    title: t("title"),
    description: t("publicText"),
    alternates: { canonical: "/models", languages: Object.fromEntries(languages) },
  };
}

export default async function ModelsPage() {
  const t = await getTranslations("models");
  const models = await listModels();
  return (
    <div className="mx-auto max-w-[1280px] px-4 pb-16 md:px-8">
      <PageHead title={t("title")} text={t("publicText")} />
      {models.length === 0 ? <EmptyState text={t("empty")} /> : <ModelTable models={models} playgroundHref={null} />}
    </div>
  );
}
