import { createHmac, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import { recordAudit } from "@/lib/audit/mutations";
import type { PublicScope, UserScope } from "@/lib/auth/action";
import { clearLimit, consumeLimit, networkOf } from "@/lib/auth/limits";
import { hashPassword, verifyPassword } from "@/lib/auth/password";
import { SESSION_LIFE_MS } from "@/lib/auth/queries";
import { hashToken } from "@/lib/auth/session-cookie";
import { grantStarterCredit } from "@/lib/billing/starter-credit";
import { db } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import type { Locale } from "@/lib/locale";
import { sendMail } from "@/lib/notifications/mutations";
import type { MailTemplate } from "@/lib/notifications/texts";
import { openOrg } from "@/lib/orgs/mutations";
import { getSettings } from "@/lib/settings/queries";
import type { Prisma } from "@/prisma/generated/client";

/** A person may keep several apart; more than this is somebody filling the table. */
const MAX_OWNED_ORGS = 10;
const CODE_MS = 15 * 60_000;
const LINK_MS = { reset: 30 * 60_000, magic: 10 * 60_000 };

// Sessions

/** A row for a new session; returns its secret, which only the cookie holds. */
export async function createSession(
  userId: string,
  from: { ip: string | null; userAgent: string | null },
): Promise<string> {
  const sid = randomBytes(32).toString("base64url");
  await db().$transaction(async (tx) => {
    const id = newId("ses");
    await tx.authSession.create({
      data: {
        id,
        sidHash: hashToken(sid),
        userId,
        level: "full",
        expiresAt: new Date(Date.now() + SESSION_LIFE_MS),
        ip: from.ip,
        userAgentHash: from.userAgent ? hashToken(from.userAgent) : null,
      },
    });
    await recordAudit(tx, actorOf(userId, from.ip), { action: "session.create", target: `session:${id}` });
  });
  return sid;
}

/** Idempotent. */
export async function deleteSession(sid: string): Promise<void> {
  await db().authSession.deleteMany({ where: { sidHash: hashToken(sid) } });
}

/** One of the person's own sessions, or all but the present one. Throws not_found for one that is not theirs. */
export async function revokeSessions(scope: UserScope, which: { sessionId: string } | "others"): Promise<void> {
  const { userId, sessionId } = scope.user;
  const id = which === "others" ? { not: sessionId } : which.sessionId;
  await db().$transaction(async (tx) => {
    const { count } = await tx.authSession.deleteMany({ where: { userId, id } });
    if (which !== "others" && count === 0) throw new AppError("not_found", "There is no such session.");
    const target = which === "others" ? `user:${userId}` : `session:${which.sessionId}`;
    await recordAudit(tx, scope, { action: "session.revoke", target });
  });
}

// Passwords

/** The person's id. Costs the same for unknown addresses. `knownBrowser` is a browser's proof of an earlier sign-in to
 *  this account: it has tries of its own. Throws invalid_credentials, rate_limit_exceeded or overloaded. */
export async function checkPassword(
  scope: PublicScope,
  { email, password }: { email: string; password: string },
  isKnownBrowser = false,
): Promise<string> {
  const account = `${email}${isKnownBrowser ? "|known" : ""}`;
  await consumeLimit("loginAddress", networkOf(scope.request.ip));
  await consumeLimit("login", account);
  const user = await db().user.findUnique({ where: { email } });
  const matches = await verifyPassword(user?.passwordHash ?? null, password);
  if (!user || !matches || user.disabledAt) {
    throw new AppError("invalid_credentials", "This e-mail address and password do not match.");
  }
  await clearLimit("login", account);
  return user.id;
}

/** Ends every session: whoever knew the old password is out. Throws invalid_credentials. */
export async function changePassword(scope: UserScope, input: { current: string; password: string }): Promise<void> {
  const { userId, email } = scope.user;
  await consumeLimit("login", email);
  const { passwordHash: before } = await db().user.findUniqueOrThrow({ where: { id: userId } });
  // somebody who has only ever signed in by link or account has none to prove
  if (before && !(await verifyPassword(before, input.current))) {
    throw new AppError("invalid_credentials", "The current password is not right.", { param: "current" });
  }
  const passwordHash = await hashPassword(input.password);
  await db().$transaction(async (tx) => {
    await tx.user.update({ where: { id: userId }, data: { passwordHash } });
    await tx.authSession.deleteMany({ where: { userId } });
    await recordAudit(tx, scope, { action: "user.password", target: `user:${userId}` });
  });
}

export async function updateProfile(
  scope: UserScope,
  { name, locale }: { name: string; locale: Locale },
): Promise<void> {
  const { userId } = scope.user;
  await db().$transaction(async (tx) => {
    await tx.user.update({ where: { id: userId }, data: { name, locale } });
    await recordAudit(tx, scope, { action: "user.update", target: `user:${userId}`, after: { name, locale } });
  });
}

/** The next sign-in starts here. Not audited: it decides nothing. Idempotent. */
export async function rememberOrg(userId: string, orgId: string): Promise<void> {
  await db().user.updateMany({ where: { id: userId }, data: { lastOrgId: orgId } });
}

// Codes: six digits that prove an address to the browser that asked

export type CodeRequest = { flowId: string; email: string; locale: Locale };

/** Mails a new code for this flow; earlier ones stop working. An address that already has an account gets a mail that
 *  says so instead, and the caller sees no difference. Throws rate_limit_exceeded. */
export async function issueCode(
  scope: PublicScope | UserScope,
  { flowId, email, locale }: CodeRequest,
  links: { verify(code: string): string; signIn: string },
): Promise<void> {
  await consumeLimit("mail", email);
  await consumeLimit("mailAddress", networkOf(scope.request.ip));
  const code = String(randomInt(1_000_000)).padStart(6, "0");
  await db().$transaction(async (tx) => {
    const identifier = `code:${flowId}`;
    await tx.verificationToken.deleteMany({ where: { identifier } });
    const user = await tx.user.findUnique({ where: { email } });
    if (user?.emailVerified) {
      const mail = { to: email, template: "registered", locale, data: { url: links.signIn } } as const;
      await sendMail(tx, { event: identifier, ...mail });
      return;
    }
    const expires = new Date(Date.now() + CODE_MS);
    await tx.verificationToken.create({ data: { identifier, token: hashCode(flowId, code), expires } });
    const mail = { to: email, template: "verify", locale, data: { code, url: links.verify(code) } } as const;
    await sendMail(tx, { event: identifier, ...mail });
  });
}

/** What a sign-up form said, kept in the browser's encrypted cookie until the address is proved: no account exists
 *  before, so nobody can prepare one for an address that is not theirs. */
export type PendingSignUp = CodeRequest & { name: string | null; passwordHash: string | null; orgName: string | null };

/** Proves the address: makes the account, its first organisation (unless `orgName` is null) and, once per person, the
 *  starter credit. Throws invalid_code or rate_limit_exceeded. */
export async function completeSignUp(
  scope: PublicScope | UserScope,
  pending: PendingSignUp,
  code: string,
): Promise<{ userId: string; slug: string | null }> {
  await consumeLimit("code", pending.flowId);
  return db().$transaction(async (tx) => {
    await takeCode(tx, pending.flowId, code);
    const { email, name, passwordHash, locale, orgName } = pending;
    // two browsers that prove one address at once take turns
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${email}, 0))`;
    const known = await tx.user.findUnique({ where: { email } });
    if (known?.emailVerified) throw invalidCode(); // somebody was faster; that account keeps its password
    const proved = { emailVerified: new Date(), locale, ...(name && { name }), ...(passwordHash && { passwordHash }) };
    // a code that was asked for while signed in to the account comes without a password
    if (known && passwordHash) await dropUnproved(tx, known.id);
    const user = known
      ? await tx.user.update({ where: { id: known.id }, data: proved })
      : await tx.user.create({ data: { id: newId("usr"), email, ...proved } });
    const actor = actorOf(user.id, scope.request.ip);
    await recordAudit(tx, actor, { action: "user.verify", target: `user:${user.id}` });
    const memberships = await tx.member.count({ where: { userId: user.id } });
    if (!orgName || memberships > 0) return { userId: user.id, slug: null };
    return { userId: user.id, slug: await openFirstOrg(tx, actor, user.id, orgName) };
  });
}

async function takeCode(tx: Prisma.TransactionClient, flowId: string, code: string): Promise<void> {
  const identifier = `code:${flowId}`;
  const row = await tx.verificationToken.findFirst({ where: { identifier } });
  const given = Buffer.from(hashCode(flowId, code));
  if (!row || row.expires < new Date() || !timingSafeEqual(Buffer.from(row.token), given)) throw invalidCode();
  const { count } = await tx.verificationToken.deleteMany({ where: { identifier, token: row.token } });
  if (count === 0) throw invalidCode(); // used at this very moment
}

function invalidCode(): AppError {
  return new AppError("invalid_code", "This code is not right, or older than 15 minutes. Ask for a new one.", {
    param: "code",
  });
}

// Organisations of one's own

/** Throws forbidden unless the address is verified and the mode lets people make organisations, conflict for too many. */
export async function createOwnOrg(scope: UserScope, { name }: { name: string }): Promise<{ slug: string }> {
  const { userId, isVerified, staffRole } = scope.user;
  if (!isVerified) throw new AppError("forbidden", "Verify your e-mail address first.");
  return db().$transaction(async (tx) => {
    await tx.$queryRaw`SELECT id FROM "user" WHERE id = ${userId} FOR UPDATE`;
    const owned = await tx.member.count({ where: { userId, role: "owner" } });
    if (owned >= MAX_OWNED_ORGS) throw new AppError("conflict", "You own as many organisations as one person may.");
    if (!staffRole && (await getSettings(tx)).mode === "enterprise") {
      throw new AppError("forbidden", "Ask an administrator for an invitation.");
    }
    return { slug: await openFirstOrg(tx, scope, userId, name) };
  });
}

/** With starter credit, where the person has had none. */
async function openFirstOrg(
  tx: Prisma.TransactionClient,
  scope: Pick<PublicScope, "actor" | "request">,
  userId: string,
  name: string,
): Promise<string> {
  const org = await openOrg(tx, { name });
  await tx.member.create({ data: { id: newId("mem"), orgId: org.id, userId, role: "owner" } });
  await recordAudit(tx, scope, {
    action: "org.create",
    target: `org:${org.id}`,
    orgId: org.id,
    after: { name, slug: org.slug },
  });
  await grantStarterCredit(tx, scope, { userId, orgId: org.id, peppers: env() });
  return org.slug;
}

// Links: 256 bits by mail, one use

/** Mails a link if the address has an account; the caller sees no difference. A magic link works only with the
 *  `browser` secret of the browser that asked. Throws rate_limit_exceeded. */
export async function issueLink(
  scope: PublicScope,
  purpose: "reset" | "magic",
  { email, locale, browser }: { email: string; locale: Locale; browser: string },
  linkTo: (token: string) => string,
): Promise<void> {
  await consumeLimit("mail", email);
  await consumeLimit("mailAddress", networkOf(scope.request.ip));
  await db().$transaction(async (tx) => {
    const user = await tx.user.findUnique({ where: { email } });
    if (!user || user.disabledAt) return;
    const identifier = `${purpose}:${user.id}`;
    const token = randomBytes(32).toString("base64url");
    await tx.verificationToken.deleteMany({ where: { identifier } });
    await tx.verificationToken.create({
      data: { identifier, token: hashLink(purpose, token, browser), expires: new Date(Date.now() + LINK_MS[purpose]) },
    });
    const template: MailTemplate = purpose;
    await sendMail(tx, { event: identifier, to: email, template, locale, data: { url: linkTo(token) } });
  });
}

/** Signs in by a mailed link, which proves the address too. Throws invalid_code. */
export async function redeemMagicLink(
  scope: PublicScope,
  { token, browser }: { token: string; browser: string },
): Promise<{ userId: string; email: string }> {
  await consumeLimit("token", networkOf(scope.request.ip));
  return db().$transaction(async (tx) => {
    const { id: userId, email } = await takeLink(tx, "magic", token, browser);
    await proveByLink(tx, userId);
    return { userId, email };
  });
}

/** Sets the password of the person the link was mailed to, which proves the address too, and ends all their sessions.
 *  Throws invalid_code or overloaded. */
export async function resetPassword(
  scope: PublicScope,
  { token, password }: { token: string; password: string },
): Promise<{ userId: string; email: string }> {
  await consumeLimit("token", networkOf(scope.request.ip));
  const passwordHash = await hashPassword(password);
  return db().$transaction(async (tx) => {
    const { id: userId, email } = await takeLink(tx, "reset", token, "");
    await proveByLink(tx, userId);
    await tx.user.update({ where: { id: userId }, data: { passwordHash } });
    await tx.authSession.deleteMany({ where: { userId } });
    await recordAudit(tx, actorOf(userId, scope.request.ip), { action: "user.password", target: `user:${userId}` });
    return { userId, email };
  });
}

/** Whoever reads the mail owns the address. */
async function proveByLink(tx: Prisma.TransactionClient, userId: string): Promise<void> {
  const { emailVerified } = await tx.user.findUniqueOrThrow({ where: { id: userId } });
  if (emailVerified) return;
  await dropUnproved(tx, userId);
  await tx.user.update({ where: { id: userId }, data: { emailVerified: new Date() } });
}

/** An account at GitHub may have claimed the address before anybody proved it; it must not stay a way in for whoever made
 *  it, now that the address turns out to be somebody's. */
async function dropUnproved(tx: Prisma.TransactionClient, userId: string): Promise<void> {
  await tx.account.deleteMany({ where: { userId } });
  await tx.authSession.deleteMany({ where: { userId } });
}

async function takeLink(
  tx: Prisma.TransactionClient,
  purpose: string,
  token: string,
  browser: string,
): Promise<{ id: string; email: string }> {
  const hashed = hashLink(purpose, token, browser);
  const row = await tx.verificationToken.findFirst({
    where: { token: hashed, identifier: { startsWith: `${purpose}:` }, expires: { gt: new Date() } },
  });
  const { count } = await tx.verificationToken.deleteMany({ where: { token: hashed } });
  const user = row && (await tx.user.findUnique({ where: { id: row.identifier.slice(purpose.length + 1) } }));
  if (count === 0 || !user || user.disabledAt) {
    throw new AppError(
      "invalid_code",
      "This link was used, has expired, or belongs to another browser. Ask for a new one.",
    );
  }
  return user;
}

// Accounts of GitHub and Google

export type ProviderProfile = {
  provider: string;
  subject: string;
  email: string | null;
  isVerified: boolean;
  name: string | null;
  /** When the account was opened there; null where the provider does not say. */
  openedAt: Date | null;
};

/** The person of an account, made on first sight where sign-up allows it. Never linked to an existing person by address:
 *  whoever owns an address at a provider need not own it here. Returns why not, otherwise. */
export async function findOrCreateByAccount(
  profile: ProviderProfile,
): Promise<{ userId: string } | { refused: "not-linked" | "closed" | "no-email" }> {
  const { provider, subject: providerAccountId, email, isVerified, name, openedAt } = profile;
  return db().$transaction(async (tx) => {
    const account = await tx.account.findUnique({
      where: { provider_providerAccountId: { provider, providerAccountId } },
      include: { user: true },
    });
    if (account) return account.user.disabledAt ? { refused: "closed" } : { userId: account.userId };
    if (!email) return { refused: "no-email" };
    if (await tx.user.findUnique({ where: { email } })) return { refused: "not-linked" };
    if (!(await maySignUp(tx, email))) return { refused: "closed" };
    const user = await tx.user.create({
      data: { id: newId("usr"), email, name, emailVerified: isVerified ? new Date() : null },
    });
    await tx.account.create({ data: { userId: user.id, type: "oauth", provider, providerAccountId, openedAt } });
    await recordAudit(tx, actorOf(user.id, null), {
      action: "user.create",
      target: `user:${user.id}`,
      after: { provider },
    });
    return { userId: user.id };
  });
}

/** Whether the settings let this address make an account, invitations aside. */
export async function maySignUp(
  tx: Pick<Prisma.TransactionClient, "setting" | "invitation">,
  email: string,
): Promise<boolean> {
  const { mode, signUpPolicy, signUpDomains } = await getSettings(tx);
  if (signUpPolicy === "closed") return false;
  if (signUpDomains.includes(email.split("@")[1] ?? "")) return true;
  if (mode === "service" && signUpPolicy === "open") return true;
  return (await tx.invitation.count({ where: { email, acceptedAt: null, expiresAt: { gt: new Date() } } })) > 0;
}

/** Throws forbidden. */
export async function requireSignUpAllowed(email: string): Promise<void> {
  if (await maySignUp(db(), email)) return;
  throw new AppError("forbidden", "Ask an administrator for an invitation.");
}

function hashCode(flowId: string, code: string): string {
  return createHmac("sha256", env().authSecret).update(`code|${flowId}|${code}`).digest("hex");
}

function hashLink(purpose: string, token: string, browser: string): string {
  return hashToken(`${purpose}|${purpose === "magic" ? browser : ""}|${token}`);
}

function actorOf(userId: string, ip: string | null): Pick<PublicScope, "actor" | "request"> {
  return { actor: { type: "user", id: userId }, request: { id: newId("req"), ip } };
}
