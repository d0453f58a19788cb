import { createHash } from "node:crypto";
import type { StoredRates } from "@/lib/catalog/rates";
import type { StaffScope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

type Subject = "model" | "offer";
type NewVersion = { subject: Subject; subjectId: string; rates: StoredRates; source: "api" | "margin" };

/** List prices (models) or costs (offers) in force, by subject id. */
export async function ratesInForce(
  tx: Pick<Prisma.TransactionClient, "$queryRaw">,
  subject: Subject,
  ids: string[],
): Promise<Map<string, StoredRates>> {
  const rows = await tx.$queryRaw<{ subject_id: string; rates: StoredRates }[]>`
    SELECT DISTINCT ON (subject_id) subject_id, rates FROM price_version
    WHERE subject = ${subject} AND subject_id = ANY (${ids}::text[]) AND org_id IS NULL AND effective_from <= clock_timestamp()
    ORDER BY subject_id, effective_from DESC, id DESC`;
  return new Map(rows.map(({ subject_id, rates }) => [subject_id, rates]));
}

/** Appends a version unless the one in force says the same. The caller holds the model's lock. */
export async function writeRates(
  tx: Pick<Prisma.TransactionClient, "$queryRaw" | "priceVersion">,
  scope: StaffScope,
  { subject, subjectId, rates, source }: NewVersion,
): Promise<void> {
  const current = (await ratesInForce(tx, subject, [subjectId])).get(subjectId);
  const hash = contentHash(rates);
  if (current && contentHash(current) === hash) return;
  await tx.priceVersion.create({
    data: { subject, subjectId, rates, contentHash: hash, source, createdBy: scope.actor.id },
  });
}

/** Of the content, not of its spelling: keys in order. */
export function contentHash(rates: StoredRates, factorBp = 10_000): string {
  return createHash("sha256").update(canonical({ rates, factorBp })).digest("hex");
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(",")}}`;
}
