import { formatRates, type StoredRates, type WrittenRates } from "@/lib/catalog/rates";
import { db } from "@/lib/db";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

export type PriceHistoryRow = {
  id: string;
  subject: "price" | "cost";
  /** Of a cost: provider and upstream model. */
  offer: string | null;
  from: string;
  /** null: in force. */
  to: string | null;
  rates: WrittenRates;
  source: string;
  createdBy: string;
};

const MAX_VERSIONS = 200;

/** Prices of a model and costs of its present offers, newest first. */
export async function listPriceHistory(scope: StaffScope, modelId: string): Promise<PriceHistoryRow[]> {
  requireStaffPermission(scope, "models.read");
  const offers = await db().offer.findMany({ where: { modelId }, include: { provider: true } });
  const names = new Map(offers.map(({ id, provider, upstreamModel }) => [id, `${provider.slug} · ${upstreamModel}`]));
  const rows = await db().priceVersion.findMany({
    where: {
      orgId: null,
      OR: [
        { subject: "model", subjectId: modelId },
        { subject: "offer", subjectId: { in: [...names.keys()] } },
      ],
    },
    orderBy: [{ effectiveFrom: "desc" }, { id: "desc" }],
    take: MAX_VERSIONS,
  });
  const nextOf = new Map<string, Date>();
  return rows.map(({ id, subject, subjectId, effectiveFrom, rates, source, createdBy }) => {
    const to = nextOf.get(subjectId) ?? null;
    nextOf.set(subjectId, effectiveFrom);
    return {
      id: id.toString(),
      subject: subject === "model" ? "price" : "cost",
      offer: names.get(subjectId) ?? null,
      from: effectiveFrom.toISOString(),
      to: to?.toISOString() ?? null,
      // safe because only writeRates and the seed write the column
      rates: formatRates(rates as StoredRates),
      source,
      createdBy,
    };
  });
}

/** Since when the price in force of each model holds, by model id. */
export async function pricesSince(scope: StaffScope, modelIds: string[]): Promise<Map<string, string>> {
  requireStaffPermission(scope, "models.read");
  const rows = await db().$queryRaw<{ subject_id: string; since: Date }[]>`
    SELECT subject_id, max(effective_from) AS since FROM price_version
    WHERE subject = 'model' AND subject_id = ANY (${modelIds}::text[]) AND org_id IS NULL AND effective_from <= clock_timestamp()
    GROUP BY 1`;
  return new Map(rows.map(({ subject_id, since }) => [subject_id, since.toISOString()]));
}
