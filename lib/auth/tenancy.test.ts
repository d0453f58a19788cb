import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { globSync } from "node:fs";
import { encode } from "next-auth/jwt";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { fingerprint, insertKey, makePerson, makeTenant, type Person, ROLES, type Tenant } from "@/e2e/support/tenants";
import type { ActionResult } from "@/lib/auth/action";
import { openConnectSession } from "@/lib/connect/mutations";
import { env } from "@/lib/env";
import { newId } from "@/lib/ids";
import type { OrgRole, StaffRole } from "@/lib/orgs/permissions";
import { type Simulator, startStripeSimulator } from "@/server/stripe-simulator/server";

// Every server action, called as a browser would call it: with a session cookie and our own origin, or without.

const ORIGIN = "http://hub.test";
type Asking = { sid: string | null; origin: string | null };
const asking = new AsyncLocalStorage<Asking>();

vi.mock("next/headers", () => ({
  headers: async () => {
    const { origin } = current();
    return new Headers({ host: "hub.test", ...(origin && { origin }) });
  },
  cookies: async () => {
    const { sid } = current();
    const salt = "hub-session";
    const value = sid && (await encode({ token: { sid }, secret: env().authSecret, salt }));
    return {
      get: (name: string) => (name === salt && value ? { name, value } : undefined),
      set: () => {},
      delete: () => {},
    };
  },
}));
// what is swept here starts no session; the package cannot be loaded outside Next
vi.mock("@/lib/auth/next-auth", () => ({}));
vi.mock("next/cache", () => ({ revalidatePath: () => {} }));
vi.mock("next-intl/server", () => ({ getLocale: async () => "en" }));

function current(): Asking {
  return asking.getStore() ?? { sid: null, origin: null };
}

type Action = (...args: unknown[]) => Promise<ActionResult<unknown>>;
const NOBODY = null;

let hub: AdminHub;
let stripe: Simulator;
let a: Tenant;
let b: Tenant;
const actions = new Map<string, Action>();
const staff = new Map<StaffRole, Person>();

beforeAll(async () => {
  hub = await startAdminHub();
  const secrets = { secretKey: "sk_test_simulation1", webhookSecret: "whsec_0123456789abcdef0123" };
  stripe = await startStripeSimulator({ ...secrets, port: 0, delayMs: null, production: false });
  vi.stubEnv("STRIPE_SECRET_KEY", secrets.secretKey);
  vi.stubEnv("STRIPE_WEBHOOK_SECRET", secrets.webhookSecret);
  vi.stubEnv("STRIPE_API_BASE", stripe.url);
  const { pool } = hub.database;
  [a, b] = [await makeTenant(pool), await makeTenant(pool)];
  for (const role of STAFF_ROLES) {
    const person = await makePerson(pool);
    await pool.query("INSERT INTO staff (user_id, role) VALUES ($1, $2)", [person.userId, role]);
    staff.set(role, person);
  }
  for (const file of globSync("lib/*/{actions,admin-actions}.ts")) {
    const module: Record<string, Action> = await import(`${process.cwd()}/${file}`);
    for (const [name, action] of Object.entries(module)) actions.set(name, action);
  }
});
afterAll(async () => {
  await stripe.close();
  await hub.close();
});

async function call(name: string, person: Person | null, args: unknown[], origin: string | null = ORIGIN) {
  const action = actions.get(name);
  if (!action) throw new Error(`there is no action ${name}`);
  return asking.run({ sid: person?.sid ?? null, origin }, () => action(...args));
}

/** "ok", or the code of the refusal. */
async function answerOf(name: string, person: Person | null, args: unknown[]): Promise<string> {
  const result = await call(name, person, args);
  return result.ok ? "ok" : result.error.code;
}

// The organisation's actions

const STAFF_ROLES: readonly StaffRole[] = ["owner", "admin", "support", "finance"];
const key = (orgId: string, appId: string, createdBy: string) =>
  insertKey(hub.database.pool, { orgId, appId, createdBy });
const connectToken = async () => Buffer.from((await openConnectSession()).id).toString("base64url");
const guest = async ({ orgId }: Tenant) => (await makePerson(hub.database.pool, { orgId })).memberId;

type OrgCase = {
  /** Whether owner, admin, developer, billing and viewer may, in this order: security.md §4. */
  roles: string;
  /** Something of the person's own organisation that the role table lets them change; new each time. */
  own(tenant: Tenant, person: Person): unknown | Promise<unknown>;
  /** What who may is answered, where not `ok`. */
  granted?: string;
  /** The same with an id of another organisation, or with one that never was. Absent: the input names nothing. */
  naming?(ids: Pick<Tenant, "keyId" | "invitationId" | "topupId" | "requestId"> & { memberId: string }): unknown;
};

const ORG_ACTIONS: Record<string, OrgCase> = {
  createKeyAction: { roles: "✔✔✔––", own: () => ({ name: "New", form: randomUUID() }) },
  updateKeyAction: {
    roles: "✔✔✔––",
    own: async ({ orgId, appId }, { userId }) => ({ id: await key(orgId, appId, userId), name: "Renamed" }),
    naming: ({ keyId: id }) => ({ id, name: "Renamed" }),
  },
  toggleKeysAction: {
    roles: "✔✔✔––",
    own: async ({ orgId, appId }, { userId }) => ({ ids: [await key(orgId, appId, userId)], enabled: false }),
    naming: ({ keyId: id }) => ({ ids: [id], enabled: false }),
  },
  rotateKeyAction: {
    roles: "✔✔✔––",
    own: async ({ orgId, appId }, { userId }) => ({
      id: await key(orgId, appId, userId),
      overlapHours: 0,
      form: randomUUID(),
    }),
    naming: ({ keyId: id }) => ({ id, overlapHours: 0, form: randomUUID() }),
  },
  revokeKeyAction: {
    roles: "✔✔✔––",
    own: async ({ orgId, appId }, { userId }) => ({ id: await key(orgId, appId, userId) }),
    naming: ({ keyId: id }) => ({ id }),
  },
  addCredits: { roles: "✔✔–✔–", own: () => ({ amountUsd: "10", form: randomUUID() }) },
  watchTopup: {
    roles: "✔✔–✔–",
    own: ({ topupId: id }) => ({ id }),
    naming: ({ topupId: id }) => ({ id }),
  },
  refundPurchase: {
    roles: "✔✔–✔–",
    own: ({ topupId: id }) => ({ id, amountUsd: "1", form: randomUUID() }),
    naming: ({ topupId: id }) => ({ id, amountUsd: "1", form: randomUUID() }),
    granted: "conflict", // nobody has paid it
  },
  updateAutoTopup: {
    roles: "✔✔–✔–",
    own: async ({ orgId }) => {
      // with a saved card: nobody is sent to Stripe
      const row = `INSERT INTO auto_topup (org_id, threshold_nano, amount_nano, daily_cap_nano, monthly_cap_nano, actor_id, livemode, stripe_customer, payment_method)
        VALUES ($1, 1, 10000000, 10000000, 10000000, 'usr_1', false, 'cus_1', 'pm_1') ON CONFLICT DO NOTHING`;
      await hub.database.pool.query(row, [orgId]);
      const amounts = { thresholdUsd: "5", amountUsd: "10", dailyCapUsd: "10", monthlyCapUsd: "10" };
      return { ...amounts, isNewCard: false, form: randomUUID() };
    },
  },
  turnOffAutoTopup: { roles: "✔✔–✔–", own: () => ({}) },
  confirmPausedTopup: { roles: "✔✔–✔–", own: () => ({}), granted: "not_found" }, // nothing waits
  watchAutoTopup: { roles: "✔✔–✔–", own: () => ({}) },
  updateBalanceAlert: { roles: "✔✔–✔–", own: () => ({ lowUsd: "2", recipients: [] }) },
  inviteAction: {
    roles: "✔✔–––",
    own: () => ({ emails: [`${newId("x")}@example.com`], role: "viewer", locale: "en" }),
  },
  revokeInvitationAction: {
    roles: "✔✔–––",
    own: async ({ orgId }, { userId }) => {
      const id = newId("inv");
      await hub.database.pool.query(
        `INSERT INTO invitation (id, org_id, email, role, token_hash, invited_by, expires_at)
         VALUES ($1, $2, $1 || '@example.com', 'viewer', $1, $3, clock_timestamp() + interval '1 day')`,
        [id, orgId, userId],
      );
      return { invitationId: id };
    },
    naming: ({ invitationId }) => ({ invitationId }),
  },
  changeRoleAction: {
    roles: "✔––––",
    own: async (tenant) => ({ memberId: await guest(tenant), role: "developer" }),
    naming: ({ memberId }) => ({ memberId, role: "viewer" }),
  },
  setMemberCapAction: {
    roles: "✔✔–––",
    own: async (tenant) => ({ memberId: await guest(tenant), capUsd: "5", dailyCapUsd: null }),
    naming: ({ memberId }) => ({ memberId, capUsd: "5", dailyCapUsd: null }),
  },
  removeMemberAction: {
    roles: "✔✔–––",
    own: async (tenant) => ({ memberId: await guest(tenant) }),
    naming: ({ memberId }) => ({ memberId }),
  },
  setSpendCapAction: { roles: "✔✔–✔–", own: () => ({ capUsd: "50", dailyCapUsd: "5" }) },
  updateOrgAction: { roles: "✔✔–––", own: ({ mark }) => ({ name: `Org ${mark}`, timeZone: "Asia/Tokyo" }) },
  createMemberTokenAction: { roles: "✔✔✔––", own: () => ({}) },
  findChargeAction: {
    roles: "✔✔✔––",
    own: ({ requestId }) => ({ requestId }),
    naming: ({ requestId }) => ({ requestId }),
  },
  // whoever is asked by a program may say no; a session is nobody's until somebody has said yes
  allowConnectAction: { roles: "✔✔✔––", own: async () => ({ token: await connectToken(), key: { name: "CLI" } }) },
  denyConnectAction: { roles: "✔✔✔✔✔", own: async () => ({ token: await connectToken() }) },
};

// The operator's actions: nothing of the input exists, so that who may gets `not_found` and nothing is to be undone

type StaffCase = { roles: string; input(): unknown; granted?: string };
const no = "no-such-thing";

const STAFF_ACTIONS: Record<string, StaffCase> = {
  createProviderAction: {
    roles: "✔✔––",
    input: () => ({ slug: newId("p").replace("_", "-"), kind: "sandbox" }),
    granted: "ok",
  },
  updateProviderAction: { roles: "✔✔––", input: () => ({ slug: no, patch: { enabled: false } }) },
  deleteProviderAction: { roles: "✔✔––", input: () => ({ slug: no }) },
  createCredentialAction: {
    roles: "✔✔––",
    input: () => ({ slug: no, credential: { name: "key", apiKey: "sk-x" }, form: randomUUID() }),
  },
  updateCredentialAction: { roles: "✔✔––", input: () => ({ id: no, patch: { weight: 1 } }) },
  deleteCredentialAction: { roles: "✔✔––", input: () => ({ id: no }) },
  testCredentialAction: { roles: "✔✔––", input: () => ({ id: no }) },
  putModelAction: {
    roles: "✔✔––",
    input: () => ({ id: newId("m"), model: { type: "chat", offers: [] } }),
    granted: "ok",
  },
  deleteModelAction: { roles: "✔✔––", input: () => ({ id: no }) },
  importModelsAction: {
    roles: "✔✔––",
    input: () => ({ slug: no, models: { marginPercent: "20", models: [{ upstreamModel: "m" }] } }),
  },
  prepareSyncAction: { roles: "✔✔––", input: () => ({ sources: [{ type: "bundled" }] }), granted: "ok" },
  applySyncAction: { roles: "✔✔––", input: () => ({ id: no, apply: { rows: ["row"] } }) },
  undoSyncAction: { roles: "✔✔––", input: () => ({ id: no }) },
  // there is no credential to test
  startTestAllAction: { roles: "✔✔––", input: () => ({}), granted: "conflict" },
  cancelTestAllAction: { roles: "✔✔––", input: () => ({}), granted: "ok" },
  retryFailedJobsAction: { roles: "✔✔––", input: () => ({}), granted: "ok" },
  freezeWalletAction: { roles: "✔✔––", input: () => ({ orgId: no, frozen: true, reason: "test" }) },
  recordProviderBillAction: {
    roles: "✔✔––",
    input: () => ({ credentialId: no, day: "2026-01-01", billedUsd: "1" }),
  },
  grantCreditAction: {
    roles: "✔✔✔–",
    input: () => ({ orgId: no, formId: randomUUID(), credit: { amountUsd: "1", kind: "comp", reason: "test" } }),
  },
  requestRefundAction: {
    roles: "✔✔––",
    input: () => ({ orgId: no, topupId: `top_${"0".repeat(26)}`, amountUsd: "1", reason: "test", form: randomUUID() }),
  },
  decideRefundAction: { roles: "✔✔––", input: () => ({ orgId: no, refundId: no, isApproved: true }) },
  checkBooksAction: { roles: "✔✔–✔", input: () => undefined, granted: "ok" },
  setAllowedModelsAction: { roles: "✔✔––", input: () => ({ orgId: no, allowedModels: ["openai/*"] }) },
  setSuspendedAction: { roles: "✔✔––", input: () => ({ orgId: no, suspended: true, reason: "test" }) },
  updateSettingsAction: { roles: "✔✔––", input: () => ({ instanceName: "AIGNE Hub" }), granted: "ok" },
};

// A person's own: no organisation is named. And those for anybody, which decide by password, code or token.

const USER_ACTIONS: Record<string, () => unknown> = {
  requestOwnCodeAction: () => undefined,
  newOrgAction: () => ({ name: "Mine" }),
  joinOrgAction: () => ({ token: "x".repeat(43) }),
  updateProfileAction: () => ({ name: "Ana", locale: "en" }),
  changePasswordAction: () => ({ current: "x", password: "correct horse battery" }),
  endSessionAction: () => ({ sessionId: b.people.owner.sessionId }),
  endOtherSessionsAction: () => undefined,
  finishSetUpAction: () => ({
    ...{ locale: "en", mode: "service", starterCreditUsd: "0", instanceName: "Mine", orgName: "Mine" },
    ...{ timeZone: "UTC", provider: "later" },
  }),
};
const PUBLIC_ACTIONS = [
  ...["signInAction", "signInByProviderAction", "signOutAction", "signUpAction", "verifyAction", "resendCodeAction"],
  ...["requestResetAction", "resetAction", "requestMagicLinkAction", "redeemLinkAction", "setUpAction"],
  "signInAgainAction",
];

test("every action of the product is in one of the tables", () => {
  const tables = [ORG_ACTIONS, STAFF_ACTIONS, USER_ACTIONS].flatMap(Object.keys);
  expect([...actions.keys()].sort()).toEqual([...tables, ...PUBLIC_ACTIONS].sort());
});

test("no action runs for a page of somebody else", async () => {
  const before = await fingerprint(hub.database.pool);
  for (const name of actions.keys()) {
    for (const origin of [null, "null", "https://evil.example"]) {
      const result = await call(name, a.people.owner, [a.slug, {}], origin);
      expect(result, `${name} from ${origin}`).toMatchObject({ ok: false, error: { code: "forbidden" } });
    }
  }
  expect(await fingerprint(hub.database.pool)).toEqual(before);
});

describe.each(Object.entries(ORG_ACTIONS))("%s", (name, { roles, own, granted = "ok" }) => {
  test(`is for ${roles} of owner, admin, developer, billing, viewer`, async () => {
    let answers = "";
    for (const role of ROLES) {
      const person = a.people[role];
      const answer = await answerOf(name, person, [a.slug, await own(a, person)]);
      expect([granted, "forbidden"], `${role}: ${answer}`).toContain(answer);
      answers += answer === granted ? "✔" : "–";
    }
    expect(answers).toBe(roles);
  });

  test("finds no organisation that the person is not in, and none without a proved address or a session", async () => {
    const missing = `${b.slug}x`;
    const input = await own(b, b.people.owner);
    const unproved = await makePerson(hub.database.pool, { orgId: b.orgId, role: "owner", verified: false });
    const before = await fingerprint(hub.database.pool);
    for (const role of ROLES) {
      const foreign = await call(name, a.people[role], [b.slug, input]);
      expect(foreign).toEqual(await call(name, a.people[role], [missing, input]));
      expect(foreign).toMatchObject({ ok: false, error: { code: "not_found" } });
    }
    for (const person of staff.values()) expect(await answerOf(name, person, [b.slug, input])).toBe("not_found");
    expect(await answerOf(name, unproved, [b.slug, input])).toBe("forbidden");
    expect(await answerOf(name, NOBODY, [b.slug, input])).toBe("unauthenticated");
    expect(await fingerprint(hub.database.pool)).toEqual(before);
  });
});

test.each(Object.entries(ORG_ACTIONS).filter(([, { naming }]) => naming))(
  "%s takes an id of another organisation for one that never was",
  async (name, { roles, naming }) => {
    const theirs = naming?.({ ...b, memberId: b.people.viewer.memberId });
    const ids = { keyId: newId("key"), invitationId: newId("inv"), memberId: newId("mem"), requestId: newId("req") };
    const nothing = naming?.({ ...ids, topupId: `top_${"0".repeat(26)}` });
    const before = await fingerprint(hub.database.pool);
    for (const role of ROLES) {
      const foreign = await call(name, a.people[role], [a.slug, theirs]);
      expect(withoutIds(foreign), role).toEqual(withoutIds(await call(name, a.people[role], [a.slug, nothing])));
      const said = foreign.ok ? foreign.data : foreign.error.code;
      expect(
        mayNot(roles, role) ? ["forbidden", "not_found"] : [name in NOT_FOUND ? NOT_FOUND[name] : "not_found"],
        role,
      ).toContain(said);
    }
    expect(await fingerprint(hub.database.pool)).toEqual(before);
  },
);

/** The playground asks until the call is settled: unknown is nothing yet. */
const NOT_FOUND: Record<string, null> = { findChargeAction: null };

test("a developer finds a colleague's key no more than a missing one", async () => {
  const before = await fingerprint(hub.database.pool);
  for (const name of ["updateKeyAction", "toggleKeysAction", "rotateKeyAction", "revokeKeyAction"]) {
    const input = ORG_ACTIONS[name]?.naming?.({ ...a, memberId: "" });
    expect(await answerOf(name, a.people.developer, [a.slug, input]), name).toBe("not_found");
  }
  expect(await fingerprint(hub.database.pool)).toEqual(before);
});

describe.each(Object.entries(STAFF_ACTIONS))("%s", (name, { roles, input, granted = "not_found" }) => {
  test(`is for ${roles} of the operator's owner, admin, support, finance`, async () => {
    let answers = "";
    for (const role of STAFF_ROLES) {
      const answer = await answerOf(name, staff.get(role) ?? null, [input()]);
      expect([granted, "forbidden"], role).toContain(answer);
      answers += answer === granted ? "✔" : "–";
    }
    expect(answers).toBe(roles);
  });

  test("is refused to every customer and to nobody in particular, whose requests change nothing", async () => {
    const before = await fingerprint(hub.database.pool);
    for (const role of ROLES) expect(await answerOf(name, a.people[role], [input()]), role).toBe("not_found");
    expect(await answerOf(name, NOBODY, [input()])).toBe("unauthenticated");
    expect(await fingerprint(hub.database.pool)).toEqual(before);
  });
});

test.each(Object.entries(USER_ACTIONS))("%s needs a session", async (name, input) => {
  const before = await fingerprint(hub.database.pool);
  expect(await answerOf(name, NOBODY, [input()])).toBe("unauthenticated");
  expect(await fingerprint(hub.database.pool)).toEqual(before);
});

test("nobody ends, or learns of, a session of somebody else", async () => {
  const before = await fingerprint(hub.database.pool);
  const ask = (sessionId: string) => call("endSessionAction", a.people.owner, [{ sessionId }]);
  const foreign = await ask(b.people.owner.sessionId);
  expect(foreign).toEqual(await ask(newId("ses")));
  expect(foreign).toMatchObject({ ok: false, error: { code: "not_found" } });
  expect(await fingerprint(hub.database.pool)).toEqual(before);
});

function mayNot(roles: string, role: OrgRole): boolean {
  return roles[ROLES.indexOf(role)] === "–";
}

/** A message may repeat the id that was asked for. */
function withoutIds(result: ActionResult<unknown>): unknown {
  return JSON.parse(JSON.stringify(result).replace(/\b(key|top|inv|mem|req)_\w+/g, "$1"));
}
