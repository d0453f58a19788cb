import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { Suspense } from "react";
import { AskAgain, OfferedModels } from "@/components/admin/offered-models";
import { PageHead } from "@/components/shell/page-head";
import { SkeletonRows } from "@/components/ui/skeleton";
import { requireStaff, type StaffPageScope } from "@/lib/auth/require-staff";
import { discoverModels } from "@/lib/catalog/admin-discovery";
import { getProvider } from "@/lib/catalog/admin-providers";
import type { ProviderRow } from "@/lib/catalog/schema";
import { AppError } from "@/lib/errors";

type Props = { params: Promise<{ slug: string }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.offered"))("title") };
}

export default async function OfferedModelsPage({ params }: Props) {
  const scope = await requireStaff("providers.read");
  const t = await getTranslations("admin.offered");
  const provider = await getProvider(scope, (await params).slug).catch(missing);
  return (
    <>
      <PageHead
        back={{ href: `/admin/providers/${provider.slug}`, label: provider.displayName }}
        title={t("titleOf", { name: provider.displayName })}
        text={t("text")}
      />
      <Suspense fallback={<SkeletonRows rows={12} label={t("asking")} />}>
        <Offered scope={scope} provider={provider} />
      </Suspense>
    </>
  );
}

/** The provider is asked through the worker, which may take seconds. */
async function Offered({ scope, provider }: { scope: StaffPageScope; provider: ProviderRow }) {
  const found = await discoverModels(scope, provider.slug).catch((error: unknown) => {
    if (error instanceof AppError) return error;
    throw error;
  });
  if (found instanceof AppError) return <AskAgain slug={provider.slug} problem={found.message} />;
  return <OfferedModels slug={provider.slug} rows={found} canManage={scope.permissions.has("models.manage")} />;
}

function missing(error: unknown): never {
  if (error instanceof AppError && error.code === "not_found") notFound();
  throw error;
}
