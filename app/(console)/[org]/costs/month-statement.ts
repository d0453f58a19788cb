import { getTranslations } from "next-intl/server";
import type { OrgScope } from "@/lib/auth/require-org";
import { toCsv } from "@/lib/csv";
import { appNames, keyNames } from "@/lib/keys/queries";
import { listMembers } from "@/lib/orgs/queries";
import { type CostLine, type CostMonth, mergeLines } from "@/lib/usage/cost-months";
import { type OrgCost, sumOrgCosts } from "@/lib/usage/queries";

export const COST_GROUPS = ["app", "key", "member", "model"] as const;
export type CostGroup = (typeof COST_GROUPS)[number];

const CSV_HEAD = ["month", ...COST_GROUPS, "requests", "input_tokens", "output_tokens", "price_usd", "cost_usd"];

/** A month by one dimension, and as CSV by all of them. */
export async function readStatement(
  scope: OrgScope,
  { id: month, from, to }: CostMonth,
  group: CostGroup,
): Promise<{ lines: CostLine[]; csv: string }> {
  const ask = { from, to, timeZone: scope.org.timeZone, limit: 10_000 };
  const [sums, nameOf] = await Promise.all([
    sumOrgCosts(scope, { ...ask, groupBy: [...COST_GROUPS] }),
    readNames(scope),
  ]);
  const rows = sums.map((sum) => ({ sum, names: COST_GROUPS.map((one) => nameOf(one, keyOf(sum, one))) }));
  const lines = rows.map(({ sum, names }) => {
    const { id, label } = names[COST_GROUPS.indexOf(group)] ?? { id: "", label: "" };
    const { calls, inputTokens, outputTokens, priceUsd, costUsd } = sum;
    return { id, label, calls, inputTokens, outputTokens, priceUsd, costUsd };
  });
  const csv = toCsv([
    CSV_HEAD,
    ...rows.map(({ sum, names }) => [
      month,
      ...names.map(({ label }) => label),
      ...[sum.calls, sum.inputTokens, sum.outputTokens, sum.priceUsd, sum.costUsd],
    ]),
  ]);
  return { lines: mergeLines(lines), csv };
}

function keyOf({ key }: OrgCost, group: CostGroup): string | null {
  // safe because a sum by several dimensions is keyed by their names
  return (key as Record<string, string | null>)[group] ?? null;
}

/** Ids as people call them. Keys of apps are never deleted, so an unknown one was a token of the playground. */
async function readNames(scope: OrgScope) {
  const t = await getTranslations("costs");
  const [apps, keys, members] = await Promise.all([appNames(scope), keyNames(scope), listMembers(scope)]);
  const keyLabels = new Map(keys.flatMap(({ id, name, kind }) => (kind === "app" ? [[id, name] as const] : [])));
  const memberLabels = new Map(members.map(({ id, name, email }) => [id, name ? `${name} (${email})` : email]));
  return (group: CostGroup, id: string | null): { id: string; label: string } => {
    if (group === "key") {
      const name = id && keyLabels.get(id);
      return name ? { id, label: name } : { id: "playground", label: t("playground") };
    }
    if (group === "member") {
      return id ? { id, label: memberLabels.get(id) ?? t("formerMember") } : { id: "none", label: t("noMember") };
    }
    return { id: id ?? "", label: (group === "app" && id && apps.get(id)) || (id ?? "") };
  };
}
