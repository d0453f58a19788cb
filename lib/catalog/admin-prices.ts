import { createHash } from "node:crypto";
import { canonical } from "@/lib/catalog/org-prices";
import type { StoredRates } from "@/lib/catalog/rates";
import type { StaffScope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

type Subject = "model" | "offer";
type NewVersion = {
  subject: Subject;
  subjectId: string;
  rates: StoredRates;
  source: "api" | "margin" | "import";
  /** Of an import: where its figures are from. */
  sourceRef?: string | null;
  /** Null: from now. */
  effectiveFrom?: Date | null;
};

/** List prices (models) or costs (offers) in force now, or at `at`, by subject id. */
export async function ratesInForce(
  tx: Pick<Prisma.TransactionClient, "$queryRaw">,
  subject: Subject,
  ids: string[],
  at: Date | null = null,
): Promise<Map<string, StoredRates>> {
  const rows = await tx.$queryRaw<{ subject_id: string; rates: StoredRates }[]>`
    SELECT DISTINCT ON (subject_id) subject_id, rates FROM price_version
    WHERE subject = ${subject} AND subject_id = ANY (${ids}::text[]) AND org_id IS NULL
      AND effective_from <= coalesce(${at}::timestamptz, clock_timestamp())
    ORDER BY subject_id, effective_from DESC, id DESC`;
  return new Map(rows.map(({ subject_id, rates }) => [subject_id, rates]));
}

/** Appends a version, from now or from a later moment, unless the one in force then says the same. Returns whether it did.
 *  The caller holds the model's lock. */
export async function writeRates(
  tx: Pick<Prisma.TransactionClient, "$queryRaw" | "priceVersion">,
  scope: StaffScope,
  { subject, subjectId, rates, source, sourceRef = null, effectiveFrom = null }: NewVersion,
): Promise<boolean> {
  const current = (await ratesInForce(tx, subject, [subjectId], effectiveFrom)).get(subjectId);
  const hash = contentHash(rates);
  if (current && contentHash(current) === hash) return false;
  await tx.priceVersion.create({
    data: {
      ...{ subject, subjectId, rates, contentHash: hash, source, sourceRef, createdBy: scope.actor.id },
      ...(effectiveFrom && { effectiveFrom }),
    },
  });
  return true;
}

/** Of the content, not of its spelling: keys in order. */
export function contentHash(rates: StoredRates, factorBp = 10_000): string {
  return createHash("sha256").update(canonical({ rates, factorBp })).digest("hex");
}
