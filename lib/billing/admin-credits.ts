import { createHash } from "node:crypto";
import { recordAudit } from "@/lib/audit/mutations";
import { requireGrantAllowed } from "@/lib/billing/admin-grant-limits";
import { CREDIT_KINDS, type CreditInput, type CreditRow, type WalletPatch, type WalletRow } from "@/lib/billing/schema";
import { change, db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { formatUsd, toNano } from "@/lib/money";
import { findOrg } from "@/lib/orgs/admin-orgs";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

/** Throws not_found. */
export async function getWallet(scope: StaffScope, orgId: string): Promise<WalletRow> {
  requireStaffPermission(scope, "orgs.read");
  await findOrg(db(), orgId);
  return readWallet(db(), orgId);
}

/** Freezes a wallet, or lifts a freeze for an operator's reason, fraud or a lost dispute, whatever calls are running. Throws
 *  not_found, and conflict while a dispute is open or the balance is negative. */
export async function freezeWallet(
  scope: StaffScope,
  orgId: string,
  { frozen, reason }: WalletPatch,
): Promise<WalletRow> {
  requireStaffPermission(scope, "orgs.manage");
  return change(scope, async (tx) => {
    await findOrg(tx, orgId);
    const before = await readWallet(tx, orgId);
    if (!frozen && (await tx.topup.count({ where: { orgId, dispute: "open" } })) > 0)
      throw new AppError("conflict", "A payment is disputed: the freeze ends with the dispute.");
    await tx.$executeRaw`SELECT freeze_wallet(${orgId}, ${frozen ? "admin" : null})`;
    const after = await readWallet(tx, orgId);
    if (!frozen && after.freezeReason === "negative" && before.freezeReason === "negative")
      throw new AppError("conflict", "The balance is negative: credit or a write-off ends this freeze.");
    const facts = ({ status, freezeReason }: WalletRow) => ({ status, freezeReason });
    await recordAudit(tx, scope, {
      ...{ action: frozen ? "wallet.freeze" : "wallet.unfreeze", target: `org:${orgId}`, orgId, reason },
      ...{ before: facts(before), after: facts(after) },
    });
    return after;
  });
}

/** Grants promotional or comp credit as a lot, corrects the balance by a signed amount, or writes a debt off. An
 *  Idempotency-Key books once, for good: used again with the same terms it answers what was booked then. Throws not_found,
 *  forbidden for more than the role may move, idempotency_mismatch for other terms, and conflict when a correction would take
 *  what is not there, or more is written off than is owed. */
export async function grantCredit(scope: StaffScope, orgId: string, input: CreditInput): Promise<CreditRow> {
  requireStaffPermission(scope, "credits.grant");
  const { kind, amountUsd: amountNano, reason, expiresAt = null } = input;
  const id = creditId(scope, orgId);
  const actor = `${scope.actor.type}:${scope.actor.id}`;
  const wanted = { kind, amountNano, reason, expiresAt };
  return change(scope, async (tx) => {
    await findOrg(tx, orgId);
    // two callers with one key take turns, so that the second one finds what the first has booked
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${id}, 0))`;
    const booked = await findBooked(tx, orgId, id);
    if (booked) return { ...answerAgain(id, booked, wanted), wallet: await readWallet(tx, orgId) };
    await requireGrantAllowed(tx, scope, { kind, amountNano });
    if (kind === "correction") await correct(tx, { orgId, amountNano, id, actor, reason });
    else if (kind === "write_off") await writeOff(tx, { orgId, amountNano, id, actor, reason });
    else {
      await tx.$executeRaw`SELECT grant_credit(${orgId}, ${amountNano}::bigint, ${kind}, ${id}, ${actor}, ${reason}, ${expiresAt}::timestamptz, false)`;
    }
    const after = { kind, amountUsd: formatUsd(amountNano), expiresAt: expiresAt?.toISOString() ?? null };
    await recordAudit(tx, scope, { action: "credit.grant", target: `credit:${id}`, orgId, after, reason });
    return { id, ...after, reason, wallet: await readWallet(tx, orgId) };
  });
}

type Terms = { kind: CreditInput["kind"]; amountNano: bigint; reason: string; expiresAt: Date | null };

async function findBooked(tx: Prisma.TransactionClient, orgId: string, id: string): Promise<Terms | null> {
  const journal = await tx.journal.findFirst({ where: { ref: id, kind: { in: [...CREDIT_KINDS] }, orgId } });
  if (!journal) return null;
  const entry = await tx.entry.findFirstOrThrow({ where: { journalId: journal.id, accountId: `customer:${orgId}` } });
  const lot = await tx.creditLot.findFirst({ where: { id, orgId } });
  return {
    // safe because only these were asked for
    kind: journal.kind as Terms["kind"],
    amountNano: entry.amount,
    reason: journal.reason ?? "",
    expiresAt: lot?.expiresAt ?? null,
  };
}

function answerAgain(id: string, booked: Terms, wanted: Terms): Omit<CreditRow, "wallet"> {
  const isSame =
    booked.kind === wanted.kind &&
    booked.amountNano === wanted.amountNano &&
    booked.reason === wanted.reason &&
    booked.expiresAt?.getTime() === wanted.expiresAt?.getTime();
  if (!isSame) {
    throw new AppError(
      "idempotency_mismatch",
      `This Idempotency-Key booked ${formatUsd(booked.amountNano)} USD (${booked.kind}) with other terms. Use a new one.`,
      { param: "Idempotency-Key" },
    );
  }
  const { kind, amountNano, reason, expiresAt } = booked;
  return { id, kind, amountUsd: formatUsd(amountNano), reason, expiresAt: expiresAt?.toISOString() ?? null };
}

type Correction = { orgId: string; amountNano: bigint; id: string; actor: string; reason: string };

async function correct(
  tx: Prisma.TransactionClient,
  { orgId, amountNano, id, actor, reason }: Correction,
): Promise<void> {
  if (amountNano < 0n) {
    // for the sentence only: correct_balance decides, under the wallet's lock
    const [wallet] = await tx.$queryRaw<{ available: bigint | null }[]>`
      SELECT posted - held - floor AS available FROM wallet WHERE org_id = ${orgId}`;
    if (wallet?.available != null && wallet.available + amountNano < 0n) throw tooMuch(wallet.available);
  }
  try {
    await tx.$executeRaw`SELECT correct_balance(${orgId}, ${amountNano}::bigint, ${id}, ${actor}, ${reason})`;
  } catch (error) {
    if (/22003|are available/.test(String((error as Error).message))) throw tooMuch(null, error);
    throw error;
  }
}

async function writeOff(
  tx: Prisma.TransactionClient,
  { orgId, amountNano, id, actor, reason }: Correction,
): Promise<void> {
  // for the sentence only: write_off decides, under the wallet's lock
  const { posted, floor } = await tx.wallet.findUniqueOrThrow({ where: { orgId } });
  const owed = floor === null || posted > 0n ? 0n : -posted;
  if (amountNano > owed) {
    throw new AppError("conflict", `amountUsd: only ${formatUsd(toNano(owed))} USD are owed.`, { param: "amountUsd" });
  }
  await tx.$executeRaw`SELECT write_off(${orgId}, ${amountNano}::bigint, ${id}, ${actor}, ${reason})`;
}

function tooMuch(availableNano: bigint | null, cause?: unknown): AppError {
  const available = availableNano === null ? "less" : `${formatUsd(availableNano)} USD`;
  return new AppError("conflict", `amountUsd: only ${available} is available to take.`, { param: "amountUsd", cause });
}

async function readWallet(tx: Pick<Prisma.TransactionClient, "wallet">, orgId: string): Promise<WalletRow> {
  const wallet = await tx.wallet.findUnique({ where: { orgId } });
  if (!wallet) throw new AppError("not_found", `Organisation "${orgId}" has no wallet.`);
  const { posted, held, floor, status, freezeReason } = wallet;
  return {
    balanceUsd: formatUsd(posted),
    heldUsd: formatUsd(held),
    availableUsd: floor === null ? null : formatUsd(posted - held - floor),
    // safe because a CHECK allows no other value
    status: status as WalletRow["status"],
    freezeReason: freezeReason as WalletRow["freezeReason"],
  };
}

/** The same call, repeated, books under the same reference. */
function creditId(scope: StaffScope, orgId: string): string {
  const key = scope.request?.idempotencyKey;
  if (!key) return newId("credit");
  const hash = createHash("sha256").update(`${scope.actor.id}\n${orgId}\n${key}`).digest("hex");
  return `credit_${hash.slice(0, 32)}`;
}
