import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { TopupWatch } from "@/components/billing/topup-watch";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { PageHead } from "@/components/shell/page-head";
import { requireOrg } from "@/lib/auth/require-org";
import { checkTopup } from "@/lib/billing/mutations";
import { getTopup } from "@/lib/billing/queries";
import { topupRef } from "@/lib/billing/schema";
import { AppError } from "@/lib/errors";

type ReturnPageProps = { params: Promise<{ org: string; id: string }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("billing.return"))("title") };
}

/** Where Stripe sends the browser after payment. It asks the worker to look, as the webhook does: whoever comes first. */
export default async function ReturnPage({ params }: ReturnPageProps) {
  const { org, id } = await params;
  const scope = await requireOrg(org);
  const t = await getTranslations("billing");
  if (!scope.permissions.has("billing.manage")) return <ForbiddenState who={t("who")} />;
  if (!topupRef.safeParse({ id }).success) notFound();
  try {
    await checkTopup(scope, id);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") notFound();
    throw error;
  }
  return (
    <>
      <PageHead title={t("return.title")} />
      <TopupWatch orgSlug={scope.org.slug} initial={await getTopup(scope, id)} />
    </>
  );
}
