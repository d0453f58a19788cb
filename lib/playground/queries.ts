import type { StoredRates } from "@/lib/catalog/rates";
import { db } from "@/lib/db";
import { formatUsd } from "@/lib/money";
import { requirePermission, type Scope } from "@/lib/orgs/scope";
import type { Charge, ChargeQuery, PlaygroundModel } from "@/lib/playground/schema";

/** The chat models that somebody could answer now, by id, each with the price this organisation pays. */
export async function listPlaygroundModels(scope: Scope): Promise<PlaygroundModel[]> {
  requirePermission(scope, "playground.use");
  const models = await db().model.findMany({
    where: { type: "chat", enabled: true, offers: { some: { enabled: true, provider: { enabled: true } } } },
    orderBy: { id: "asc" },
  });
  const prices = await pricesFor(
    scope.orgId,
    models.map(({ id }) => id),
  );
  return models.map(({ id, displayName, contextWindow, maxOutputTokens }) => ({
    id,
    name: displayName ?? id,
    contextWindow,
    maxOutputTokens,
    inputUsd: prices.get(id)?.input ?? null,
    outputUsd: prices.get(id)?.output ?? null,
  }));
}

/** What a call of this member was charged; null until it is settled, and for calls of others. */
export async function findCharge(scope: Scope, { requestId }: ChargeQuery): Promise<Charge | null> {
  requirePermission(scope, "playground.use");
  const { orgId, actor } = scope;
  const member = await db().member.findFirst({ where: { orgId, userId: actor.id } });
  const call =
    member && (await db().usageEvent.findFirst({ where: { id: requestId, orgId, memberId: member.id, kind: "call" } }));
  if (!call) return null;
  return {
    priceUsd: call.priceNano === null ? null : formatUsd(call.priceNano),
    inputTokens: call.inputTokens + call.cacheReadTokens + call.cacheWriteTokens + call.cacheWrite1hTokens,
    outputTokens: call.outputTokens + call.reasoningTokens,
  };
}

type Price = { input: string | null; output: string | null };

/** The organisation's own price where it has one, else the list price. */
async function pricesFor(orgId: string, ids: string[]): Promise<Map<string, Price>> {
  const rows = await db().$queryRaw<{ subject_id: string; rates: StoredRates; factor_bp: number }[]>`
    SELECT DISTINCT ON (subject_id) subject_id, rates, factor_bp FROM (
      SELECT DISTINCT ON (subject_id, org_id) subject_id, org_id, rates, factor_bp FROM price_version
      WHERE subject = 'model' AND subject_id = ANY (${ids}::text[]) AND (org_id = ${orgId} OR org_id IS NULL)
        AND effective_from <= clock_timestamp()
      ORDER BY subject_id, org_id, effective_from DESC, id DESC
    ) in_force
    WHERE rates <> '{}' -- an agreement that ended: the list price holds
    ORDER BY subject_id, org_id NULLS LAST`;
  return new Map(
    rows.map(({ subject_id, rates, factor_bp }) => {
      const perMillion = (rate: string | undefined) =>
        rate === undefined ? null : formatUsd((BigInt(rate) * BigInt(factor_bp)) / 10_000n);
      return [subject_id, { input: perMillion(rates.input), output: perMillion(rates.output) }];
    }),
  );
}
