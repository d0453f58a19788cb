import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { RequestDetail } from "@/components/activity/request-detail";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { requireOrg } from "@/lib/auth/require-org";
import { AppError } from "@/lib/errors";
import { keyNames } from "@/lib/keys/queries";
import type { Scope } from "@/lib/orgs/scope";
import { getOrgReceipt, maySeeRequests } from "@/lib/usage/queries";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("activity"))("receiptTitle") };
}

export default async function RequestPage({ params }: { params: Promise<{ org: string; id: string }> }) {
  const { org, id } = await params;
  const scope = await requireOrg(org);
  const t = await getTranslations("activity");
  if (!maySeeRequests(scope)) return <ForbiddenState who={t("noPage")} />;
  const [request, keys] = await Promise.all([findReceipt(scope, decodeURIComponent(id)), keyNames(scope)]);
  const key = keys.find((one) => one.id === request.keyId);
  const keyName = key?.kind === "member_token" ? t("playground") : (key?.name ?? request.keyId);
  return <RequestDetail orgSlug={scope.org.slug} request={request} keyName={keyName} />;
}

async function findReceipt(scope: Scope, id: string) {
  try {
    return await getOrgReceipt(scope, id);
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") notFound();
    throw error;
  }
}
