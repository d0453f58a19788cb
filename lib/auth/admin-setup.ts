import { recordAudit } from "@/lib/audit/mutations";
import type { PublicScope, UserScope } from "@/lib/auth/action";
import { consumeLimit, networkOf } from "@/lib/auth/limits";
import { hashPassword } from "@/lib/auth/password";
import { isSetupOpenFor } from "@/lib/auth/queries";
import type { OwnerInput, SetupInput } from "@/lib/auth/schema";
import { hashToken } from "@/lib/auth/session-cookie";
import { createCredential } from "@/lib/catalog/admin-credentials";
import { testCredential } from "@/lib/catalog/admin-probes";
import { createProvider, deleteProvider } from "@/lib/catalog/admin-providers";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { insertKey } from "@/lib/keys/mutations";
import { formatUsd, parseUsd } from "@/lib/money";
import { openOrg } from "@/lib/orgs/mutations";
import { type Actor, mintStaffScope, type StaffScope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

const SETUP = "setup";
/** Two people with the same link take turns; the second finds an owner. */
const SETUP_LOCK = 727_073_692;
/** So that the call which the last page shows works where credit is needed. */
const FIRST_CALLS_NANO = parseUsd("1");

/** Whether this is a token that the supervisor printed. Throws rate_limit_exceeded. */
export async function isSetupToken(token: string, ip: string | null): Promise<boolean> {
  await consumeLimit("token", networkOf(ip));
  return (await findToken(db(), token)) !== null;
}

export type SetUp = { userId: string; slug: string; apiKey: string };

/** First run: platform owner, settings, first organisation and a key for its first call in one transaction; then the token
 *  is spent. A provider is tried before anything is decided. Throws invalid_code, not_found once the hub has an owner, or
 *  what keeps the provider from being used, with `param`. */
export async function setUpHub(scope: PublicScope, { token, owner, ...input }: SetupInput): Promise<SetUp> {
  await consumeLimit("token", networkOf(scope.request.ip));
  if (!(await findToken(db(), token))) throw wrongToken();
  const passwordHash = await hashPassword(owner.password);
  return withProvider(scope, input.connection, () =>
    db().$transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${SETUP_LOCK})`;
      if (await tx.staff.findFirst({ where: { role: "owner" } })) throw isSetUp();
      if (!(await findToken(tx, token))) throw wrongToken();
      const userId = await makeOwner(tx, owner, input.locale, passwordHash);
      return furnish(tx, scope, userId, input);
    }),
  );
}

/** The same for an owner who came from HUB_BOOTSTRAP_ADMIN_EMAIL and is signed in. Throws not_found for anybody else, and
 *  once it is done. */
export async function finishSetup(scope: UserScope, input: Omit<SetupInput, "token" | "owner">): Promise<SetUp> {
  const { userId } = scope.user;
  if (!(await isSetupOpenFor(userId))) throw isSetUp();
  return withProvider(scope, input.connection, () =>
    db().$transaction(async (tx) => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${SETUP_LOCK})`;
      if ((await tx.member.count({ where: { userId } })) > 0) throw isSetUp();
      return furnish(tx, scope, userId, input);
    }),
  );
}

type Choices = Omit<SetupInput, "token" | "owner">;
type Tx = Prisma.TransactionClient;

/** Connects the provider and lets the worker try it; whatever goes wrong, before or in `then`, takes it away again. */
async function withProvider<Result>(
  { request }: PublicScope,
  connection: Choices["connection"],
  then: () => Promise<Result>,
): Promise<Result> {
  if (!connection) return then();
  const scope = mintStaffScope({
    actor: { type: "system", id: SETUP },
    permissions: new Set(["providers.read", "providers.manage"] as const),
    request,
  });
  const { kind, displayName, baseUrl, region, ...secret } = connection;
  const { slug } = await createProvider(scope, { slug: kind, kind, displayName, baseUrl, region });
  try {
    await tryProvider(scope, slug, { ...secret, region: secret.accessKeyId ? region : undefined });
    return await then();
  } catch (error) {
    await deleteProvider(scope, slug);
    throw error;
  }
}

async function tryProvider(
  scope: StaffScope,
  slug: string,
  secret: Omit<NonNullable<Choices["connection"]>, "kind" | "displayName" | "baseUrl">,
): Promise<void> {
  const { id } = await createCredential(scope, slug, { name: "default", ...secret });
  const result = await testCredential(scope, id);
  if (!result.ok) throw new AppError("upstream_error", result.error ?? "The test failed.", { param: "connection" });
}

async function makeOwner(tx: Tx, owner: OwnerInput, locale: string, passwordHash: string): Promise<string> {
  const { name, email } = owner;
  const proved = { name, locale, passwordHash, emailVerified: new Date() };
  const { id: userId } = await tx.user.upsert({
    where: { email },
    create: { id: newId("usr"), email, ...proved },
    update: proved,
  });
  await tx.staff.upsert({ where: { userId }, create: { userId, role: "owner" }, update: { role: "owner" } });
  return userId;
}

/** Settings, organisation, credit and key. */
async function furnish(tx: Tx, { request }: PublicScope, userId: string, input: Choices): Promise<SetUp> {
  await saveSettings(tx, userId, input);
  const { mode, instanceName, provider, orgName, timeZone, connection } = input;
  const org = await openOrg(tx, { name: orgName, timeZone });
  await tx.member.create({ data: { id: newId("mem"), orgId: org.id, userId, role: "owner" } });
  const actor: Actor = { type: "staff", id: userId };
  if (mode === "service") {
    const creditId = `setup_${org.id}`;
    await tx.$executeRaw`SELECT grant_credit(${org.id}, ${FIRST_CALLS_NANO}::bigint, 'comp', ${creditId}, ${`staff:${userId}`}, 'First calls of a new hub', NULL::timestamptz, false)`;
    const after = { kind: "comp", amountUsd: formatUsd(FIRST_CALLS_NANO) };
    await recordAudit(
      tx,
      { actor, request },
      { action: "credit.grant", target: `credit:${creditId}`, orgId: org.id, after },
    );
  }
  const { key } = await insertKey(tx, { actor: { type: "user", id: userId }, request }, org.id, { name: "First call" });
  await tx.verificationToken.deleteMany({ where: { identifier: SETUP } });
  await recordAudit(
    tx,
    { actor, request },
    {
      action: "hub.setup",
      target: `user:${userId}`,
      orgId: org.id,
      after: { mode, instanceName, provider: connection?.kind ?? provider, org: org.slug },
    },
  );
  return { userId, slug: org.slug, apiKey: key };
}

async function saveSettings(tx: Tx, userId: string, input: Choices): Promise<void> {
  const { mode, instanceName, starterCreditUsd: starterNano, provider } = input;
  await tx.$executeRaw`SELECT switch_mode(${mode}, ${`staff:${userId}`})`;
  const settings = { mode, instanceName, starterCreditUsd: formatUsd(starterNano) };
  for (const [key, value] of Object.entries(settings)) {
    await tx.setting.upsert({ where: { key }, create: { key, value }, update: { value } });
  }
  // the seed has made it, on outside production; beside a real provider it stays as it is
  if (provider === "own") return;
  await tx.provider.updateMany({ where: { slug: "sandbox" }, data: { enabled: provider === "sandbox" } });
}

function findToken(tx: Pick<Tx, "verificationToken">, token: string) {
  return tx.verificationToken.findFirst({
    where: { identifier: SETUP, token: hashToken(token), expires: { gt: new Date() } },
  });
}

function wrongToken(): AppError {
  return new AppError("invalid_code", "The set-up code is not right. Copy the address that npm start printed.", {
    param: "token",
  });
}

function isSetUp(): AppError {
  return new AppError("not_found", "This hub is set up.");
}
