import { createHmac } from "node:crypto";
import { domainToASCII } from "node:url";
import { recordAudit } from "@/lib/audit/mutations";
import { formatUsd, type Nano, parseUsd, toNano } from "@/lib/money";
import type { Actor, RequestOrigin } from "@/lib/orgs/scope";
import { getSettings } from "@/lib/settings/queries";
import type { Prisma } from "@/prisma/generated/client";

const DAY_MS = 24 * 3_600_000;
/** So old an account at GitHub must be to prove a person. */
const PROOF_DAYS = 90;
const DOTLESS_DOMAINS: ReadonlySet<string> = new Set(["gmail.com", "googlemail.com"]);

export type Peppers = { keyPepper: string; keyPepperPrevious?: string | undefined };
type Newcomer = { userId: string; orgId: string; peppers: Peppers };

/** Starter credit for a person's first organisation: once for a mailbox, however it is spelt and whether or not its account
 *  still exists, and within the day's budget of the instance. Grants nothing otherwise; that is no error. */
export async function grantStarterCredit(
  tx: Prisma.TransactionClient,
  scope: { readonly actor: Actor; readonly request?: RequestOrigin },
  { userId, orgId, peppers }: Newcomer,
): Promise<void> {
  const settings = await getSettings(tx);
  const amountNano = parseUsd(settings.starterCreditUsd);
  if (settings.mode !== "service" || amountNano <= 0n) return;
  const { email, accounts } = await tx.user.findUniqueOrThrow({
    where: { id: userId },
    select: { email: true, accounts: { select: { openedAt: true } } },
  });
  const { starterCreditProof: proof } = settings;
  const isOld = (at: Date | null) => at !== null && Date.now() - at.getTime() >= PROOF_DAYS * DAY_MS;
  if (proof !== "email" && !accounts.some(({ openedAt }) => isOld(openedAt))) return;
  const creditId = `starter_${userId}`;
  // one at a time: two who come at once must not share the last of the day's budget, nor one fingerprint
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('starter_grant', 0))`;
  if (await tx.creditLot.findUnique({ where: { id: creditId } })) return;
  const [fingerprint = "", ...earlier] = fingerprintsOf(email, peppers);
  if (await tx.starterGrant.findFirst({ where: { fingerprint: { in: [fingerprint, ...earlier] } } })) return;
  if ((await starterGrantedToday(tx)) + amountNano > parseUsd(settings.starterDailyUsd)) return;
  await tx.starterGrant.create({ data: { fingerprint, amountNano } });
  const days = settings.starterExpiryDays;
  const expiresAt = days > 0 ? new Date(Date.now() + days * DAY_MS) : null;
  await tx.$executeRaw`SELECT grant_credit(${orgId}, ${amountNano}::bigint, 'promo', ${creditId}, ${`user:${userId}`}, 'Starter credit', ${expiresAt}::timestamptz, true)`;
  const after = { kind: "promo", amountUsd: formatUsd(amountNano), expiresAt: expiresAt?.toISOString() ?? null };
  await recordAudit(tx, scope, { action: "credit.grant", target: `credit:${creditId}`, orgId, after });
}

/** All starter credit granted since midnight UTC. Not tenant data: it is the operator's money. */
export async function starterGrantedToday(tx: Pick<Prisma.TransactionClient, "$queryRaw">): Promise<Nano> {
  const [row] = await tx.$queryRaw<{ nano: bigint }[]>`
    SELECT coalesce(sum(amount_nano), 0)::bigint AS nano FROM starter_grant
    WHERE at >= date_trunc('day', clock_timestamp(), 'UTC')`;
  return toNano(row?.nano ?? 0n);
}

/** The mailbox behind an address: case, Unicode look-alikes and what follows a plus do not make another one, nor do dots at
 *  Gmail. */
export function canonicalEmail(email: string): string {
  const plain = email.normalize("NFKC").trim().toLowerCase();
  const at = plain.lastIndexOf("@");
  const [local = ""] = plain.slice(0, at).split("+", 1);
  const domain = domainToASCII(plain.slice(at + 1)) || plain.slice(at + 1);
  return DOTLESS_DOMAINS.has(domain) ? `${local.replaceAll(".", "")}@gmail.com` : `${local}@${domain}`;
}

/** With today's pepper first, then with the one before it. They tell nothing about who had an account. */
export function fingerprintsOf(email: string, { keyPepper, keyPepperPrevious }: Peppers): string[] {
  const mailbox = canonicalEmail(email);
  return [keyPepper, keyPepperPrevious].flatMap((pepper) =>
    pepper ? [createHmac("sha256", pepper).update(`starter|${mailbox}`).digest("hex")] : [],
  );
}
