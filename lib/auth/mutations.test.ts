import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { assertMailsWhole } from "@/e2e/support/mails";
import type { PublicScope, UserScope } from "@/lib/auth/action";
import { clearLimit, consumeLimit } from "@/lib/auth/limits";
import {
  changePassword,
  checkPassword,
  completeSignUp,
  createOwnOrg,
  createSession,
  findOrCreateByAccount,
  issueCode,
  issueLink,
  type PendingSignUp,
  redeemMagicLink,
  rememberOrg,
  requireSignUpAllowed,
  resetPassword,
  revokeSessions,
} from "@/lib/auth/mutations";
import { hashPassword } from "@/lib/auth/password";
import { findMembership, findSessionBySid, homeOf, listSessions } from "@/lib/auth/queries";
import { db } from "@/lib/db";
import type { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  vi.stubEnv("HUB_ROLE", "web");
  vi.stubEnv("HUB_DATABASE_URL_WEB", database.roleUrl("web"));
});
afterAll(async () => {
  await assertHealthy(database.pool);
  await db().$disconnect();
  await database.drop();
  vi.unstubAllEnvs();
});

const PASSWORD = "correct horse battery staple";
let made = 0;
const address = () => `person${++made}@example.com`;
/** Each from an address of its own, so that limits per address do not meet. */
const anybody = (): PublicScope => ({
  actor: { type: "system", id: "anonymous" },
  request: { id: newId("req"), ip: `203.0.113.${++made % 250}` },
});
const links = { verify: (code: string) => `http://hub.test/verify?code=${code}`, signIn: "http://hub.test/sign-in" };

type Sent = { to: string; template: string; data: { code?: string; url?: string } };

/** The mails that wait for the worker, newest last. */
async function mailsTo(email: string): Promise<Sent[]> {
  const { rows } = await database.pool.query<{ payload: Sent }>(
    "SELECT payload FROM graphile_worker._private_jobs WHERE payload->>'to' = $1 ORDER BY id",
    [email],
  );
  return rows.map(({ payload }) => payload);
}

function tokenOf(mail: Sent | undefined): string {
  return mail?.data.url?.split("/").at(-1) ?? "";
}

async function pendingFor(email: string, orgName: string | null = "Ana’s workspace"): Promise<PendingSignUp> {
  return {
    flowId: newId("flow"),
    email,
    locale: "en",
    name: "Ana",
    passwordHash: await hashPassword(PASSWORD),
    orgName,
  };
}

async function person(email = address()): Promise<{ userId: string; slug: string; email: string }> {
  const pending = await pendingFor(email);
  await issueCode(anybody(), pending, links);
  const code = (await mailsTo(email)).at(-1)?.data.code ?? "";
  const { userId, slug } = await completeSignUp(anybody(), pending, code);
  return { userId, slug: slug ?? "", email };
}

async function scopeOf(userId: string): Promise<UserScope & { sid: string }> {
  const sid = await createSession(userId, { ip: null, userAgent: null });
  const user = await findSessionBySid(sid);
  if (!user) throw new Error("no session");
  return { actor: { type: "user", id: userId }, request: { id: newId("req"), ip: null }, user, sid };
}

describe("signing up", () => {
  test("makes account, organisation and starter credit when the code is right, and not before", async () => {
    const email = address();
    const pending = await pendingFor(email);
    await issueCode(anybody(), pending, links);
    expect(await db().user.count({ where: { email } })).toBe(0);
    const [mail] = await mailsTo(email);
    expect(mail?.template).toBe("verify");
    const { userId, slug } = await completeSignUp(anybody(), pending, mail?.data.code ?? "");
    const membership = await findMembership(userId, slug ?? "");
    expect(membership).toMatchObject({ role: "owner", org: { name: "Ana’s workspace", status: "active" } });
    const wallet = await db().wallet.findUnique({ where: { orgId: membership?.org.id ?? "" } });
    expect(wallet?.posted).toBe(500_000_000n);
  });

  test("two browsers that prove one address at once make one account", async () => {
    const email = address();
    const flows = [await pendingFor(email), await pendingFor(email)];
    for (const pending of flows) await issueCode(anybody(), pending, links);
    const codes = (await mailsTo(email)).map(({ data }) => data.code ?? "");
    const proofs = flows.map((pending, index) => completeSignUp(anybody(), pending, codes[index] ?? ""));
    const results = await Promise.allSettled(proofs);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "invalid_code" } });
  });

  test("a code works once, and a wrong one five times at most", async () => {
    const email = address();
    const pending = await pendingFor(email);
    await issueCode(anybody(), pending, links);
    const code = (await mailsTo(email))[0]?.data.code ?? "";
    const wrong = code === "000000" ? "000001" : "000000";
    await expect(completeSignUp(anybody(), pending, wrong)).rejects.toMatchObject({ code: "invalid_code" });
    await completeSignUp(anybody(), pending, code);
    await expect(completeSignUp(anybody(), pending, code)).rejects.toMatchObject({ code: "invalid_code" });
    await expect(completeSignUp(anybody(), pending, wrong)).rejects.toMatchObject({ code: "invalid_code" });
    await expect(completeSignUp(anybody(), pending, wrong)).rejects.toMatchObject({ code: "invalid_code" });
    await expect(completeSignUp(anybody(), pending, wrong)).rejects.toMatchObject({ code: "rate_limit_exceeded" });
  });

  test("a double click verifies once: one account, one organisation, one starter credit", async () => {
    const email = address();
    const pending = await pendingFor(email);
    await issueCode(anybody(), pending, links);
    const code = (await mailsTo(email))[0]?.data.code ?? "";
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => completeSignUp(anybody(), pending, code)));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "invalid_code" });
    }
    const user = await db().user.findUniqueOrThrow({ where: { email }, include: { members: true } });
    expect(user.members).toHaveLength(1);
    expect(await db().creditLot.count({ where: { id: `starter_${user.id}` } })).toBe(1);
    const wallet = await db().wallet.findUnique({ where: { orgId: user.members[0]?.orgId ?? "" } });
    expect(wallet?.posted).toBe(500_000_000n);
  });

  test("a code belongs to the browser that asked: another sign-up of the address cannot use it", async () => {
    const email = address();
    const [mine, theirs] = [await pendingFor(email), await pendingFor(email)];
    await issueCode(anybody(), mine, links);
    await issueCode(anybody(), theirs, links);
    const code = (await mailsTo(email))[0]?.data.code ?? "";
    const theirCode = (await mailsTo(email))[1]?.data.code ?? "";
    if (code !== theirCode)
      await expect(completeSignUp(anybody(), theirs, code)).rejects.toMatchObject({ code: "invalid_code" });
    await completeSignUp(anybody(), mine, code);
    await expect(completeSignUp(anybody(), theirs, theirCode)).rejects.toMatchObject({ code: "invalid_code" });
  });

  test("an address with an account gets a mail that says so, and the same answer", async () => {
    const { email } = await person();
    const pending = await pendingFor(email);
    await expect(issueCode(anybody(), pending, links)).resolves.toBeUndefined();
    expect((await mailsTo(email)).at(-1)?.template).toBe("registered");
    await expect(completeSignUp(anybody(), pending, "123456")).rejects.toMatchObject({ code: "invalid_code" });
  });

  test("starter credit comes once per person, whatever organisations they make", async () => {
    const { userId } = await person();
    const { slug } = await createOwnOrg(await scopeOf(userId), { name: "Second" });
    const second = await findMembership(userId, slug);
    expect((await db().wallet.findUnique({ where: { orgId: second?.org.id ?? "" } }))?.posted).toBe(0n);
    expect(await db().creditLot.count({ where: { id: `starter_${userId}` } })).toBe(1);
  });

  test("the policy of the instance decides", async () => {
    const policy = (value: string) =>
      db().setting.upsert({
        where: { key: "signUpPolicy" },
        create: { key: "signUpPolicy", value },
        update: { value },
      });
    await policy("invitation");
    await expect(requireSignUpAllowed(address())).rejects.toMatchObject({ code: "forbidden" });
    await policy("open");
    await expect(requireSignUpAllowed(address())).resolves.toBeUndefined();
  });
});

describe("passwords", () => {
  test("known and unknown addresses get the same refusal, and five tries", async () => {
    const { email, userId } = await person();
    expect(await checkPassword(anybody(), { email, password: PASSWORD })).toBe(userId);
    for (const subject of [email, address()]) {
      for (let i = 0; i < 5; i++) {
        await expect(checkPassword(anybody(), { email: subject, password: "wrong" })).rejects.toMatchObject({
          code: "invalid_credentials",
          message: "This e-mail address and password do not match.",
        });
      }
      await expect(checkPassword(anybody(), { email: subject, password: PASSWORD })).rejects.toMatchObject({
        code: "rate_limit_exceeded",
      });
    }
    // the rightful person's own browser still gets in
    expect(await checkPassword(anybody(), { email, password: PASSWORD }, true)).toBe(userId);
  });

  test("whoever uses up the tries again waits twice as long, and success forgets it", async () => {
    const email = address();
    const exhaust = async () => {
      for (let i = 0; i < 5; i++) await consumeLimit("login", email);
      const refusal = await consumeLimit("login", email).catch((error: AppError) => error);
      // the window passes
      await db()
        .$executeRaw`UPDATE rate_limit SET expire = clock_timestamp() - interval '1 s' WHERE key LIKE 'login:%'`;
      return Math.ceil(((refusal as AppError).details.retryAfterMs ?? 0) / 60_000);
    };
    expect([await exhaust(), await exhaust(), await exhaust(), await exhaust()]).toEqual([15, 30, 60, 60]);
    await clearLimit("login", email);
    expect(await exhaust()).toBe(15);
  });

  test("a new one ends every session", async () => {
    const { userId } = await person();
    const scope = await scopeOf(userId);
    await expect(changePassword(scope, { current: "wrong", password: "another long one" })).rejects.toMatchObject({
      code: "invalid_credentials",
    });
    await changePassword(scope, { current: PASSWORD, password: "another long one" });
    expect(await findSessionBySid(scope.sid)).toBeNull();
  });

  test("a reset link works once and for its person", async () => {
    const { email, userId } = await person();
    const { sid } = await scopeOf(userId);
    await issueLink(anybody(), "reset", { email, locale: "en", browser: "" }, (token) => `http://hub.test/${token}`);
    const token = tokenOf((await mailsTo(email)).at(-1));
    expect(await resetPassword(anybody(), { token, password: "a new long password" })).toEqual({ userId, email });
    expect(await findSessionBySid(sid)).toBeNull();
    expect(await checkPassword(anybody(), { email, password: "a new long password" })).toBe(userId);
    await expect(resetPassword(anybody(), { token, password: "x".repeat(20) })).rejects.toMatchObject({
      code: "invalid_code",
    });
  });

  test("an unknown address is answered alike and gets no mail", async () => {
    const email = address();
    await issueLink(anybody(), "reset", { email, locale: "en", browser: "" }, (token) => `http://hub.test/${token}`);
    expect(await mailsTo(email)).toEqual([]);
  });

  test("a magic link works only in the browser that asked", async () => {
    const { email, userId } = await person();
    const ask = async () => {
      await issueLink(
        anybody(),
        "magic",
        { email, locale: "en", browser: "mine" },
        (token) => `http://hub.test/${token}`,
      );
      return tokenOf((await mailsTo(email)).filter(({ template }) => template === "magic").at(-1));
    };
    const token = await ask();
    await expect(redeemMagicLink(anybody(), { token, browser: "theirs" })).rejects.toMatchObject({
      code: "invalid_code",
    });
    expect(await redeemMagicLink(anybody(), { token, browser: "mine" })).toEqual({ userId, email });
    await expect(redeemMagicLink(anybody(), { token, browser: "mine" })).rejects.toMatchObject({
      code: "invalid_code",
    });
  });
});

test("a person of several organisations starts where they worked last", async () => {
  const { userId, slug } = await person();
  const second = await createOwnOrg(await scopeOf(userId), { name: "Second" });
  expect(await homeOf(userId)).toBe(`/${slug}`);
  const { org } = (await findMembership(userId, second.slug)) ?? {};
  await rememberOrg(userId, org?.id ?? "");
  expect(await homeOf(userId)).toBe(`/${second.slug}`);
  await db().member.deleteMany({ where: { userId, orgId: org?.id } });
  expect(await homeOf(userId)).toBe(`/${slug}`);
});

describe("sessions", () => {
  test("the row is the verdict: revoked, idle, too old or disabled is anonymous", async () => {
    const { userId } = await person();
    const hours = (count: number) => Date.now() + count * 3_600_000;
    const scope = await scopeOf(userId);
    expect(await findSessionBySid(scope.sid, hours(25))).toBeNull();
    expect(await findSessionBySid("forged")).toBeNull();
    const other = await scopeOf(userId);
    await revokeSessions(scope, "others");
    expect(await findSessionBySid(other.sid)).toBeNull();
    expect(await listSessions(scope.user)).toMatchObject([{ id: scope.user.sessionId, isCurrent: true }]);
    await db().user.update({ where: { id: userId }, data: { disabledAt: new Date() } });
    expect(await findSessionBySid(scope.sid)).toBeNull();
  });

  test("staff idle out after an hour", async () => {
    const { userId } = await person();
    await db().staff.create({ data: { userId, role: "support" } });
    const { sid } = await scopeOf(userId);
    expect(await findSessionBySid(sid, Date.now() + 59 * 60_000)).toMatchObject({ staffRole: "support" });
    await db().authSession.updateMany({ where: { userId }, data: { lastSeenAt: new Date() } });
    expect(await findSessionBySid(sid, Date.now() + 61 * 60_000)).toBeNull();
  });

  test("nobody ends another person's session", async () => {
    const [a, b] = [await scopeOf((await person()).userId), await scopeOf((await person()).userId)];
    await expect(revokeSessions(a, { sessionId: b.user.sessionId })).rejects.toMatchObject({ code: "not_found" });
    expect(await findSessionBySid(b.sid)).not.toBeNull();
  });
});

test("an account of GitHub or Google is never linked by address", async () => {
  const { email } = await person();
  const profile = { provider: "github", subject: newId("sub"), email, isVerified: true, name: "Ana", openedAt: null };
  expect(await findOrCreateByAccount(profile)).toEqual({ refused: "not-linked" });
  const fresh = { ...profile, email: address() };
  const first = await findOrCreateByAccount(fresh);
  expect(await findOrCreateByAccount({ ...fresh, email: address() })).toEqual(first);
});

test.each(["sign-up", "magic link", "reset"])(
  "an account that claimed an address before it was proved is out once its owner proves it by %s",
  async (way) => {
    const email = address();
    const profile = {
      provider: "github",
      subject: newId("sub"),
      email,
      isVerified: false,
      name: "Mallory",
      openedAt: null,
    };
    const claimed = await findOrCreateByAccount(profile);
    const { sid } = await scopeOf("userId" in claimed ? claimed.userId : "");
    if (way === "sign-up") await person(email);
    else {
      const purpose = way === "reset" ? "reset" : "magic";
      await issueLink(
        anybody(),
        purpose,
        { email, locale: "en", browser: "mine" },
        (made) => `http://hub.test/${made}`,
      );
      const token = tokenOf((await mailsTo(email)).at(-1));
      if (purpose === "reset") await resetPassword(anybody(), { token, password: PASSWORD });
      else await redeemMagicLink(anybody(), { token, browser: "mine" });
    }
    expect(await findSessionBySid(sid)).toBeNull();
    expect(await findOrCreateByAccount(profile)).toEqual({ refused: "not-linked" });
  },
);

test("every mail of these flows is whole in every language", async () => {
  expect(await assertMailsWhole(database.pool, "http://hub.test")).toEqual(["magic", "registered", "reset", "verify"]);
});
