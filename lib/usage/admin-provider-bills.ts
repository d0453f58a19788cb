import { recordAudit } from "@/lib/audit/mutations";
import { change, db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { formatUsd, type Nano, parseUsd } from "@/lib/money";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { ProviderBillInput, ProviderBillRow } from "@/lib/usage/schema";
import type { ProviderBill } from "@/prisma/generated/client";

/** A difference above both is looked at. */
const LEAST_DIFFERENCE = parseUsd("1");
const LEAST_SHARE = 200n; // one in so many: 0.5 %
const SHOWN = 100;

/** The latest days that were compared with what providers bill. Throws forbidden. */
export async function listProviderBills(scope: StaffScope): Promise<ProviderBillRow[]> {
  requireStaffPermission(scope, "ledger.read");
  const rows = await db().providerBill.findMany({ orderBy: [{ day: "desc" }, { credentialId: "asc" }], take: SHOWN });
  const credentials = await db().credential.findMany({
    where: { id: { in: rows.map(({ credentialId }) => credentialId) } },
    include: { provider: true },
  });
  return rows.map((row) =>
    toRow(
      row,
      credentials.find(({ id }) => id === row.credentialId),
    ),
  );
}

/** Keeps what a provider bills for a credential's calls of one day (UTC) beside what they were counted at: all attempts, failed ones and
 *  late adjustments included. Sent again it replaces the figure and counts anew. Usage is never edited. Throws forbidden and not_found. */
export async function recordProviderBill(
  scope: StaffScope,
  { credentialId, day, billedUsd: billedNano }: ProviderBillInput,
): Promise<ProviderBillRow> {
  requireStaffPermission(scope, "providers.manage");
  const credential = await db().credential.findUnique({ where: { id: credentialId }, include: { provider: true } });
  if (!credential) throw new AppError("not_found", `There is no credential "${credentialId}".`);
  // a day of many calls takes longer than a transaction may
  const counted = await countDay(credentialId, day);
  return change(scope, async (tx) => {
    const data = { ...counted, billedNano, at: new Date() };
    const key = { credentialId, day: new Date(day) };
    const row = await tx.providerBill.upsert({
      where: { credentialId_day: key },
      create: { ...key, ...data },
      update: data,
    });
    await recordAudit(tx, scope, {
      action: "provider_bill.record",
      target: `credential:${credentialId}`,
      after: { day, billedUsd: formatUsd(billedNano), countedUsd: formatUsd(counted.countedNano) },
    });
    return toRow(row, credential);
  });
}

/** The credentials a provider may bill, named with it. Throws forbidden. */
export async function listBilledCredentials(scope: StaffScope): Promise<{ id: string; name: string }[]> {
  requireStaffPermission(scope, "providers.manage");
  const rows = await db().credential.findMany({
    select: { id: true, name: true, provider: { select: { slug: true } } },
    orderBy: [{ provider: { slug: "asc" } }, { name: "asc" }],
  });
  return rows.map(({ id, name, provider }) => ({ id, name: `${provider.slug} · ${name}` }));
}

function toRow(
  row: ProviderBill,
  credential: { name: string; provider: { slug: string } } | undefined,
): ProviderBillRow {
  return {
    credentialId: row.credentialId,
    credential: credential?.name ?? null,
    provider: credential?.provider.slug ?? null,
    day: row.day.toISOString().slice(0, 10),
    billedUsd: formatUsd(row.billedNano),
    countedUsd: formatUsd(row.countedNano),
    differenceUsd: formatUsd(row.billedNano - row.countedNano),
    isConspicuous: isConspicuous(row),
    attempts: row.attempts,
    unpriced: row.unpriced,
    at: row.at.toISOString(),
  };
}

/** Whether a bill is so far from what was counted that somebody should look. */
export function isConspicuous({ billedNano, countedNano }: { billedNano: Nano; countedNano: Nano }): boolean {
  const difference = billedNano > countedNano ? billedNano - countedNano : countedNano - billedNano;
  return difference > LEAST_DIFFERENCE && difference * LEAST_SHARE > billedNano;
}

type Counted = { countedNano: Nano; attempts: number; unpriced: number };

async function countDay(credentialId: string, day: string): Promise<Counted> {
  const [row] = await db().$queryRaw<Counted[]>`
    WITH of_day AS (
      SELECT e.id, e.kind, e.credential_id, e.cost_nano, e.waste_nano FROM usage_event e
      WHERE e.at >= ${day}::date::timestamp AT TIME ZONE 'UTC' AND e.at < (${day}::date + 1)::timestamp AT TIME ZONE 'UTC'
    ), tried AS (
      SELECT a.cost_nano FROM of_day e JOIN attempt a ON a.request_id = e.id WHERE e.kind = 'call' AND a.credential_id = ${credentialId}
    )
    SELECT (coalesce((SELECT sum(cost_nano) FROM tried), 0)
        + coalesce((SELECT sum(coalesce(cost_nano, 0) + waste_nano) FROM of_day WHERE kind = 'adjust' AND credential_id = ${credentialId}), 0))::bigint AS "countedNano",
      (SELECT count(*) FROM tried)::int AS attempts, (SELECT count(*) FROM tried WHERE cost_nano IS NULL)::int AS unpriced`;
  return row ?? { countedNano: 0n, attempts: 0, unpriced: 0 };
}
