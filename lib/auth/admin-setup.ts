import { recordAudit } from "@/lib/audit/mutations";
import type { PublicScope } from "@/lib/auth/action";
import { consumeLimit, networkOf } from "@/lib/auth/limits";
import { hashPassword } from "@/lib/auth/password";
import type { SetupInput } from "@/lib/auth/schema";
import { hashToken } from "@/lib/auth/session-cookie";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { formatUsd } from "@/lib/money";
import { openOrg } from "@/lib/orgs/mutations";
import type { Prisma } from "@/prisma/generated/client";

const SETUP = "setup";
/** Two people with the same link take turns; the second finds an owner. */
const SETUP_LOCK = 727_073_692;

/** Whether this is a token that the supervisor printed. Throws rate_limit_exceeded. */
export async function isSetupToken(token: string, ip: string | null): Promise<boolean> {
  await consumeLimit("token", networkOf(ip));
  return (await findToken(db(), token)) !== null;
}

/** First run: platform owner, settings and first organisation in one transaction; then the token is spent.
 *  Throws invalid_code, or not_found once the hub has an owner. */
export async function setUpHub(scope: PublicScope, input: SetupInput): Promise<{ userId: string; slug: string }> {
  await consumeLimit("token", networkOf(scope.request.ip));
  if (!(await findToken(db(), input.token))) throw wrongToken();
  const passwordHash = await hashPassword(input.password);
  return db().$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${SETUP_LOCK})`;
    if (await tx.staff.findFirst({ where: { role: "owner" } })) throw new AppError("not_found", "This hub is set up.");
    if (!(await findToken(tx, input.token))) throw wrongToken();
    const { name, email, locale } = input;
    const proved = { name, locale, passwordHash, emailVerified: new Date() };
    const user = await tx.user.upsert({
      where: { email },
      create: { id: newId("usr"), email, ...proved },
      update: proved,
    });
    await tx.staff.upsert({
      where: { userId: user.id },
      create: { userId: user.id, role: "owner" },
      update: { role: "owner" },
    });
    await saveSettings(tx, user.id, input);
    const org = await openOrg(tx, { name: input.orgName, timeZone: input.timeZone });
    await tx.member.create({ data: { id: newId("mem"), orgId: org.id, userId: user.id, role: "owner" } });
    await tx.verificationToken.deleteMany({ where: { identifier: SETUP } });
    const { mode, instanceName, provider } = input;
    await recordAudit(
      tx,
      { actor: { type: "staff", id: user.id }, request: scope.request },
      {
        action: "hub.setup",
        target: `user:${user.id}`,
        orgId: org.id,
        after: { mode, instanceName, provider, org: org.slug },
      },
    );
    return { userId: user.id, slug: org.slug };
  });
}

async function saveSettings(tx: Prisma.TransactionClient, userId: string, input: SetupInput): Promise<void> {
  const { mode, instanceName, starterCreditUsd: starterNano, provider } = input;
  await tx.$executeRaw`SELECT switch_mode(${mode}, ${`staff:${userId}`})`;
  const settings = { mode, instanceName, starterCreditUsd: formatUsd(starterNano) };
  for (const [key, value] of Object.entries(settings)) {
    await tx.setting.upsert({ where: { key }, create: { key, value }, update: { value } });
  }
  // the seed has made it: on outside production, off in it
  await tx.provider.updateMany({ where: { slug: "sandbox" }, data: { enabled: provider === "sandbox" } });
}

function findToken(tx: Pick<Prisma.TransactionClient, "verificationToken">, token: string) {
  return tx.verificationToken.findFirst({
    where: { identifier: SETUP, token: hashToken(token), expires: { gt: new Date() } },
  });
}

function wrongToken(): AppError {
  return new AppError("invalid_code", "The set-up code is not right. Copy the address that npm start printed.", {
    param: "token",
  });
}

/** Whether a worker has reported within the last 20 s. */
export async function isWorkerAlive(): Promise<boolean> {
  const recent = new Date(Date.now() - 20_000);
  return (await db().node.count({ where: { id: { startsWith: "worker:" }, beatAt: { gt: recent } } })) > 0;
}
