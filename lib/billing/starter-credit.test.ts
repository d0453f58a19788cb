import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { assertHealthy, type TestDatabase, testDatabase } from "@/e2e/support/database";
import { canonicalEmail, fingerprintsOf, grantStarterCredit } from "@/lib/billing/starter-credit";
import { db } from "@/lib/db";
import { newId } from "@/lib/ids";
import { openOrg } from "@/lib/orgs/mutations";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  vi.stubEnv("HUB_ROLE", "web");
  vi.stubEnv("HUB_DATABASE_URL_WEB", database.roleUrl("web"));
});
beforeEach(async () => {
  await database.pool.query("DELETE FROM starter_grant");
  await database.pool.query("DELETE FROM setting");
});
afterAll(async () => {
  await assertHealthy(database.pool);
  await db().$disconnect();
  await database.drop();
  vi.unstubAllEnvs();
});

const setting = (key: string, value: string | number) => db().setting.create({ data: { key, value } });

/** What a new person with this address has been given, in nano-USD. */
async function join(email: string, openedAt?: Date): Promise<{ userId: string; orgId: string; posted: bigint }> {
  const userId = newId("usr");
  const scope = { actor: { type: "user", id: userId }, request: { id: newId("req"), ip: null } } as const;
  const orgId = await db().$transaction(async (tx) => {
    await tx.user.create({ data: { id: userId, email } });
    const account = {
      userId,
      type: "oauth",
      provider: "github",
      providerAccountId: userId,
      openedAt: openedAt ?? null,
    };
    if (openedAt !== undefined) await tx.account.create({ data: account });
    const { id } = await openOrg(tx, { name: "Newcomer" });
    await grantStarterCredit(tx, scope, { userId, orgId: id, peppers: { keyPepper: "a".repeat(40) } });
    return id;
  });
  const { posted } = await db().wallet.findUniqueOrThrow({ where: { orgId } });
  return { userId, orgId, posted };
}

test.each([
  ["Ana@Example.com", "ana@example.com"],
  ["ana+trial@example.com", "ana@example.com"],
  ["ana+a+b@example.com", "ana@example.com"],
  ["a.n.a+x@gmail.com", "ana@gmail.com"],
  ["a.na@GoogleMail.com", "ana@gmail.com"],
  ["a.na@example.com", "a.na@example.com"],
  ["ａｎａ@example.com", "ana@example.com"],
  ["ana@bücher.example", "ana@xn--bcher-kva.example"],
])("%s is the mailbox %s", (email, mailbox) => {
  expect(canonicalEmail(email)).toBe(mailbox);
});

describe("starter credit", () => {
  test("is restricted and expires after seven days", async () => {
    const { orgId, userId, posted } = await join("first@example.com");
    expect(posted).toBe(500_000_000n);
    const lot = await db().creditLot.findUniqueOrThrow({ where: { id: `starter_${userId}`, orgId } });
    expect(lot).toMatchObject({ source: "promo", restricted: true });
    const days = ((lot.expiresAt?.getTime() ?? 0) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(6.99);
    expect(days).toBeLessThanOrEqual(7);
  });

  test("expires when the operator says so, or never", async () => {
    await setting("starterExpiryDays", 0);
    const { userId, orgId } = await join("forever@example.com");
    expect(await db().creditLot.findUnique({ where: { id: `starter_${userId}`, orgId } })).toMatchObject({
      expiresAt: null,
    });
  });

  test("comes once for a mailbox, also after its account is gone", async () => {
    const { userId, orgId, posted } = await join("once@gmail.com");
    expect(posted).toBe(500_000_000n);
    expect((await join("o.n.c.e+2@googlemail.com")).posted).toBe(0n);
    await db().member.deleteMany({ where: { orgId } });
    await db().user.delete({ where: { id: userId } });
    expect((await join("once@gmail.com")).posted).toBe(0n);
  });

  test("asks for an account of 90 days or more at GitHub where the operator wants that proof", async () => {
    await setting("starterCreditProof", "oauth");
    const opened = (days: number) => new Date(Date.now() - days * 86_400_000);
    expect((await join("mail@proof.example")).posted).toBe(0n);
    expect((await join("new@proof.example", opened(89))).posted).toBe(0n);
    expect((await join("old@proof.example", opened(90))).posted).toBe(500_000_000n);
  });

  test("a fingerprint tells nothing without the pepper, and outlives its rotation", async () => {
    const pepper = "a".repeat(40);
    const [today, ...before] = fingerprintsOf("rotated@example.com", {
      keyPepper: "b".repeat(40),
      keyPepperPrevious: pepper,
    });
    expect(today).toMatch(/^[0-9a-f]{64}$/);
    expect(before).toEqual(fingerprintsOf("ROTATED+x@example.com", { keyPepper: pepper }));
    expect(before).not.toContain(today);
  });

  test("the day's budget ends it, hard, also for those who come at once", async () => {
    await setting("starterDailyUsd", "1.2");
    const joined = await Promise.all(["a", "b", "c", "d"].map((name) => join(`${name}@budget.example`)));
    expect(joined.filter(({ posted }) => posted > 0n)).toHaveLength(2);
    // whoever came too late is not marked as having had it
    expect(await db().starterGrant.count()).toBe(2);
    await database.pool.query("UPDATE starter_grant SET at = at - interval '1 day'");
    expect((await join("e@budget.example")).posted).toBe(500_000_000n);
  });
});
