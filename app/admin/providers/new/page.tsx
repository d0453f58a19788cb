import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { ProviderForm } from "@/components/admin/provider-form";
import { kindName } from "@/components/shell/kind-name";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { effectiveBaseUrl, PROVIDER_KINDS } from "@/lib/catalog/provider-kinds";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.providers"))("addProvider") };
}

export default async function NewProviderPage() {
  await requireStaff("providers.manage");
  const t = await getTranslations("admin.providers");
  const names = await getTranslations("landing.providers.names");
  const kinds = PROVIDER_KINDS.map(({ id, name, needsBaseUrl, credential }) => ({
    id,
    name: kindName(names, { id, name }),
    needsBaseUrl,
    credential,
    defaultBaseUrl: effectiveBaseUrl({ kind: id, baseUrl: null, region: null }),
  }));
  return (
    <>
      <PageHead back={{ href: "/admin/providers", label: t("title") }} title={t("addProvider")} text={t("addText")} />
      <ProviderForm kinds={kinds} />
    </>
  );
}
