import type { Metadata } from "next";
import { getTranslations } from "next-intl/server";
import { ModelForm } from "@/components/admin/model-form";
import { PageHead } from "@/components/shell/page-head";
import { requireStaff } from "@/lib/auth/require-staff";
import { listProviders } from "@/lib/catalog/admin-providers";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.models"))("add") };
}

type Props = { searchParams: Promise<{ provider?: string | string[] }> };

export default async function NewModelPage({ searchParams }: Props) {
  const scope = await requireStaff("models.manage");
  const t = await getTranslations("admin.models");
  const { data } = await listProviders(scope, { limit: 1000 });
  const providers = data.map(({ slug, displayName }) => ({ slug, name: displayName }));
  const { provider: asked } = await searchParams;
  const provider = providers.find(({ slug }) => slug === asked)?.slug;
  return (
    <>
      <PageHead back={{ href: "/admin/models", label: t("title") }} title={t("add")} text={t("addText")} />
      <ModelForm model={null} providers={providers} provider={provider} />
    </>
  );
}
