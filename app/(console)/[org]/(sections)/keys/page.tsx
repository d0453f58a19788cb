import type { Metadata } from "next";
import { headers } from "next/headers";
import { getTranslations } from "next-intl/server";
import { CreateKey } from "@/components/keys/create-key";
import { KeyTable, type ListedKey } from "@/components/keys/key-table";
import { EmptyState } from "@/components/shell/empty-state";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { PageHead } from "@/components/shell/page-head";
import { requireOrg } from "@/lib/auth/require-org";
import { listOrgModels } from "@/lib/catalog/queries";
import { env } from "@/lib/env";
import { listOrgKeys } from "@/lib/keys/queries";
import type { KeyRow } from "@/lib/keys/schema";
import { parseUsd } from "@/lib/money";
import { publicOrigin } from "@/lib/origin";
import { monthStart } from "@/lib/time-range";
import { sumOrgUsage } from "@/lib/usage/queries";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("keys"))("title") };
}

export default async function KeysPage({ params }: { params: Promise<{ org: string }> }) {
  const scope = await requireOrg((await params).org);
  const t = await getTranslations("keys");
  if (!scope.permissions.has("apps.own")) return <ForbiddenState who={t("noPage")} />;
  const { slug, timeZone } = scope.org;
  const [keys, models, sums] = await Promise.all([
    listOrgKeys(scope),
    listOrgModels(scope),
    sumOrgUsage(scope, { from: monthStart(new Date(), timeZone), groupBy: ["key"], timeZone, limit: 10_000 }),
  ]);
  const spent = new Map(sums.map(({ key, priceUsd }) => [key, priceUsd]));
  const model = models.find(({ type, price }) => type === "chat" && price !== null)?.id ?? null;
  const baseUrl = `${publicOrigin(await headers(), env().publicUrl)}/api/v1`;
  // In one place whether there are keys or not: moved, it would lose the key that it has just shown.
  const create = <CreateKey orgSlug={slug} baseUrl={baseUrl} model={model} isFirst={keys.length === 0} />;
  return (
    <>
      <PageHead title={t("title")} text={t("text")} action={create} />
      {keys.length === 0 ? (
        <EmptyState text={t("empty")} />
      ) : (
        <KeyTable
          orgSlug={slug}
          baseUrl={baseUrl}
          model={model}
          keys={keys.map((row) => ({ ...row, monthUsd: spent.get(row.id) ?? "0", state: stateOf(row) }))}
        />
      )}
    </>
  );
}

function stateOf({ status, expiresAt, budgetUsd, spentUsd }: KeyRow): ListedKey["state"] {
  if (status !== "active") return status;
  if (expiresAt && new Date(expiresAt) <= new Date()) return "expired";
  const isSpent = budgetUsd !== null && spentUsd !== null && parseUsd(spentUsd) >= parseUsd(budgetUsd);
  return isSpent ? "limited" : "active";
}
