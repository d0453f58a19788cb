import type { CreditInput } from "@/lib/billing/schema";
import { AppError } from "@/lib/errors";
import { formatUsd, type Nano, parseUsd, toNano } from "@/lib/money";
import type { StaffRole } from "@/lib/orgs/permissions";
import type { StaffScope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

/** What one grant or correction of an administrator may move; more takes an owner. */
const ADMIN_GRANT = parseUsd("100");
/** What one person in support may give away in a day (UTC). */
const SUPPORT_DAY = parseUsd("10");

/** How much credit a person's role lets them move. Owners move any amount. A management key has the limits of who made it; one
 *  that the instance was started with, an owner's. Serialises the grants of one caller. Throws forbidden, saying who may. */
export async function requireGrantAllowed(
  tx: Prisma.TransactionClient,
  scope: StaffScope,
  { kind, amountNano }: { kind: CreditInput["kind"]; amountNano: Nano },
): Promise<void> {
  const role = await roleOf(tx, scope);
  if (role === "owner") return;
  if (role === "admin") {
    if (amountNano > ADMIN_GRANT || amountNano < -ADMIN_GRANT)
      throw refused(`An administrator may move at most $${formatUsd(ADMIN_GRANT)} at a time. Ask an owner.`);
    return;
  }
  if (role !== "support") throw refused("Only owners, administrators and support may grant credit.");
  if (kind !== "comp") throw refused('Support may grant credit of the kind "comp" only. Ask an administrator.');
  const given = await givenToday(tx, scope);
  if (given + amountNano <= SUPPORT_DAY) return;
  const left = formatUsd(given < SUPPORT_DAY ? SUPPORT_DAY - given : 0n);
  throw refused(
    `Support may grant $${formatUsd(SUPPORT_DAY)} a day, of which $${left} is left today. Ask an administrator.`,
  );
}

/** Null: no longer on the staff. */
async function roleOf(tx: Prisma.TransactionClient, { actor }: StaffScope): Promise<StaffRole | null> {
  const find = async (userId: string) => {
    const staff = await tx.staff.findUnique({ where: { userId } });
    // safe because a CHECK allows no other value
    return (staff?.role as StaffRole | undefined) ?? null;
  };
  if (actor.type === "staff") return find(actor.id);
  const key = await tx.managementKey.findUnique({ where: { id: actor.id } });
  const maker = key && (await tx.user.findUnique({ where: { id: key.createdBy } }));
  return maker ? find(maker.id) : "owner";
}

async function givenToday(tx: Prisma.TransactionClient, { actor }: StaffScope): Promise<Nano> {
  const name = `${actor.type}:${actor.id}`;
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`grants ${name}`}, 0))`;
  const [row] = await tx.$queryRaw<{ nano: bigint }[]>`
    SELECT coalesce(sum(e.amount), 0)::bigint AS nano FROM journal j
    JOIN entry e ON e.journal_id = j.id AND e.account_id = 'customer:' || j.org_id
    WHERE j.kind = 'comp' AND j.actor = ${name} AND j.at >= date_trunc('day', hub_now(), 'UTC')`;
  return toNano(row?.nano ?? 0n);
}

function refused(message: string): AppError {
  return new AppError("forbidden", message, { param: "amountUsd" });
}
