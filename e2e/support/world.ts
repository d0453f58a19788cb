import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, type BrowserContext, type BrowserContextOptions, expect } from "@playwright/test";
import { mouse } from "@/e2e/support/hand";
import type { Hub } from "@/e2e/support/hub";
import { type SignedInMember, signInMember } from "@/e2e/support/member";
import { operatorApi } from "@/e2e/support/operator-api";
import { type Cookies, signInPerson } from "@/e2e/support/session";
import type { HubUnderTest } from "@/e2e/support/setup";
import { withSql } from "@/e2e/support/sql";
import { signInStaff } from "@/e2e/support/staff";
import { pay, toPayment } from "@/e2e/support/walk";
import { newId } from "@/lib/ids";

/** `newcomer` owns an organisation where nothing has happened; `orgless` and `unverified` have none. */
export type Visitor = "nobody" | "member" | "newcomer" | "orgless" | "unverified" | "operator";

/** A hub with something on every page, and who looks at it. */
export type World = {
  hub: HubUnderTest;
  mode: "service" | "enterprise";
  member: SignedInMember;
  keyId: string;
  requestId: string;
  refusedId: string;
  topupId: string;
  invitation: string;
  provider: string;
  /** A provider that answers what it offers. */
  offering: string;
  syncId: string;
  connectToken: string;
  setupToken: string;
  sessions: Record<Visitor, Cookies>;
  /** The slug of the organisation that a visitor's pages belong to. */
  slugOf: Partial<Record<Visitor, string>>;
};

/** A hub that nobody has set up: all one can see there is the way to set it up. */
export function unsetWorld(hub: Hub): World {
  const nothing = { orgId: "", slug: "", memberId: "" };
  return {
    hub,
    mode: "service",
    member: nothing,
    keyId: "",
    requestId: "",
    refusedId: "",
    topupId: "",
    invitation: "",
    provider: "",
    offering: "",
    syncId: "",
    connectToken: "",
    setupToken: /setup\?token=(\S+)/.exec(hub.output())?.[1] ?? "",
    sessions: { nobody: [], member: [], newcomer: [], orgless: [], unverified: [], operator: [] },
    slugOf: {},
  };
}

/** Fills a hub through its own doors where there is one: credit is bought, calls are made. What was there before stays. */
export async function buildWorld(browser: Browser, hub: HubUnderTest, mode: World["mode"]): Promise<World> {
  const jar = cookieJar();
  await signInStaff(jar, hub, "owner");
  const operator = jar.take();
  const member = await signInMember(jar, hub, { creditUsd: 0 });
  const memberCookies = jar.take();
  const newcomer = await signInMember(jar, hub, { creditUsd: 0 });
  const newcomerCookies = jar.take();
  await signInPerson(jar, hub, { name: "Noor", prepare: async () => {} });
  const orgless = jar.take();
  await signInPerson(jar, hub, {
    name: "Uma",
    prepare: async (insert, userId) => insert('UPDATE "user" SET email_verified = NULL WHERE id = $1', userId),
  });
  const unverified = jar.take();
  const topupId = mode === "service" ? await buy(browser, hub, memberCookies, member.slug) : "";
  const calls = await makeCalls(hub, member.orgId);
  const offering = await makeOffering(hub);
  return {
    hub,
    mode,
    member,
    ...calls,
    topupId,
    invitation: await makeTeam(hub, member),
    provider: await makeProvider(hub),
    offering,
    syncId: await makeSync(hub, offering),
    connectToken: await askForKey(hub),
    setupToken: "",
    sessions: { nobody: [], member: memberCookies, newcomer: newcomerCookies, orgless, unverified, operator },
    slugOf: { member: member.slug, newcomer: newcomer.slug },
  };
}

/** A context in which this visitor is signed in. */
export async function contextOf(
  browser: Browser,
  { hub, sessions }: Pick<World, "hub" | "sessions">,
  visitor: Visitor,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: hub.url, ...options });
  await context.addCookies(sessions[visitor]);
  return context;
}

async function buy(browser: Browser, hub: HubUnderTest, cookies: Cookies, slug: string): Promise<string> {
  const context = await browser.newContext({ baseURL: hub.url, locale: "en" });
  await context.addCookies(cookies);
  const hand = mouse(await context.newPage());
  await hand.page.goto(`/${slug}`);
  await toPayment(hand, "Acme", "$25.00");
  await pay(hand);
  await expect(hand.page.getByRole("status").filter({ hasText: "$25.00 added" })).toBeVisible({ timeout: 20_000 });
  const id = new URL(hand.page.url()).pathname.split("/").at(-1) ?? "";
  await context.close();
  return id;
}

async function makeCalls(hub: HubUnderTest, orgId: string): Promise<Pick<World, "keyId" | "requestId" | "refusedId">> {
  const makeKey = (body: object) =>
    operatorApi<{ id: string; key: string }>(hub, `/orgs/${orgId}/keys`, { method: "POST", body });
  const call = async (key: string, content: string, stream = false) => {
    const response = await fetch(`${hub.url}/api/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "sandbox/chat", stream, messages: [{ role: "user", content }] }),
    });
    await response.text();
    return response.headers.get("x-request-id") ?? "";
  };
  const { id: keyId, key } = await makeKey({ name: "Support bot", budgetUsd: "20", budgetPeriod: "month", rpm: 600 });
  const { key: tight } = await makeKey({ name: "Nightly report", budgetUsd: "0.000001" });
  const requestId = await call(key, "Explain in three sentences how tokens are counted.");
  await call(key, "Hello", true);
  return { keyId, requestId, refusedId: await call(tight, "Hello") };
}

/** An invitation whose token is known, and a colleague. */
async function makeTeam(hub: HubUnderTest, { orgId, memberId }: SignedInMember): Promise<string> {
  const [token, userId] = [newId("tok"), newId("usr")];
  const hash = createHash("sha256").update(token).digest("hex");
  await withSql(hub, async (sql) => {
    await sql.query(
      `INSERT INTO invitation (id, org_id, email, role, token_hash, invited_by, expires_at)
       SELECT $1, org_id, 'grace@example.com', 'developer', $2, user_id, clock_timestamp() + interval '7 days' FROM member WHERE id = $3`,
      [newId("inv"), hash, memberId],
    );
    await sql.query('INSERT INTO "user" (id, email, name) VALUES ($1, $2, $3)', [
      userId,
      `${userId}@example.com`,
      "Alan",
    ]);
    const member = "INSERT INTO member (id, org_id, user_id, role) VALUES ($1, $2, $3, 'developer')";
    await sql.query(member, [newId("mem"), orgId, userId]);
  });
  return token;
}

/** A provider with credentials, which no model uses. */
async function makeProvider(hub: HubUnderTest): Promise<string> {
  const slug = `local-${newId("x").slice(-8)}`;
  const post = (path: string, body: object) => operatorApi(hub, path, { method: "POST", body });
  await post("/providers", {
    slug,
    kind: "openai-compatible",
    displayName: "Local models",
    baseUrl: "http://127.0.0.1:9/v1",
  });
  for (const name of ["first", "second"]) await post(`/providers/${slug}/credentials`, { name, apiKey: `sk-${name}` });
  return slug;
}

/** A provider whose models are partly in the catalogue; one is served, at a cost that is not the published one any more. */
async function makeOffering(hub: HubUnderTest): Promise<string> {
  const ids = ["claude-opus-4-8", "claude-sonnet-4-6", "claude-haiku-4-5", "claude-next-preview"];
  const data = ids.map((id) => ({ id, type: "model" }));
  const server = createServer((_, response) => response.end(JSON.stringify({ data })));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  const slug = `claude-${newId("x").slice(-8)}`;
  const post = (path: string, body: object) => operatorApi(hub, path, { method: "POST", body });
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  await post("/providers", { slug, kind: "anthropic", displayName: "Anthropic", baseUrl });
  await post(`/providers/${slug}/credentials`, { name: "main", apiKey: "sk-main" });
  const offer = {
    provider: slug,
    upstreamModel: "claude-haiku-4-5",
    cost: { input: "0.9", output: "4.5", cacheRead: "0.1" },
  };
  const body = { type: "chat", offers: [offer], marginPercent: 20 };
  await operatorApi(hub, `/models/${slug}/haiku`, { method: "PUT", body });
  return slug;
}

/** A comparison with rows of every group. */
async function makeSync(hub: HubUnderTest, slug: string): Promise<string> {
  for (const [name, input] of [
    ["claude-sonnet-4-6", "9"],
    ["claude-gone", "1"],
  ] as const) {
    const offers = [{ provider: slug, upstreamModel: name, cost: { input, output: "15" } }];
    const body = { type: "chat", offers, marginPercent: 20 };
    await operatorApi(hub, `/models/${slug}/${name}`, { method: "PUT", body });
  }
  const cost = (input: number, output: number) => ({ cost: { input, output, cache_read: 0.1 } });
  const models = {
    "claude-haiku-4-5": cost(1, 5),
    "claude-sonnet-4-6": cost(3, 15),
    "claude-opus-4-8": cost(5, 25),
  };
  const sources = [{ type: "file", name: "models.json", content: JSON.stringify({ anthropic: { models } }) }];
  const { id } = await operatorApi<{ id: string }>(hub, "/catalog/syncs", { method: "POST", body: { sources } });
  return id;
}

/** What the AIGNE CLI asks for before it opens the browser. */
async function askForKey(hub: HubUnderTest): Promise<string> {
  const response = await fetch(`${hub.url}/.well-known/service/api/access-key/session`, { method: "POST" });
  const { id } = (await response.json()) as { id: string };
  return Buffer.from(id).toString("base64url");
}

/** Takes the place of a browser's context while sessions are made for later ones. */
function cookieJar() {
  let kept: Cookies = [];
  return {
    addCookies: async (cookies: Cookies) => {
      kept = [...cookies];
    },
    take: () => kept,
  };
}
