import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext, Page } from "@playwright/test";
import type { Pool } from "pg";
import { assertHealthy } from "@/e2e/support/database";
import { type Hub, startHub } from "@/e2e/support/hub";
import { operatorApi } from "@/e2e/support/operator-api";
import { ROUTES } from "@/e2e/support/pages";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import type { Simulator } from "@/e2e/support/providers/server";
import { filled } from "@/e2e/support/routes";
import { sessionCookie } from "@/e2e/support/session";
import { makePerson, type Person } from "@/e2e/support/tenants";
import { expect, test } from "@/e2e/support/test";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";
import { createPool } from "@/lib/pg";
import texts from "@/messages/en.json" with { type: "json" };
import own from "@/messages/enterprise/en.json" with { type: "json" };

// A hub whose organisation pays the providers itself: usage and cost are everywhere they were, and nothing on any page
// speaks of paying.

test.describe.configure({ mode: "default", timeout: 180_000 });
// a picture of every step would take longer than the steps
test.use({ trace: "off" });

const MODEL = "sim/model";
/** Words of buying and being charged. `credentials`, `Prices` and `Our organisation pays the providers` are none. */
const PAYMENT =
  /stripe|check-?out|\bcredits?\b|balance|refund|top.?up|purchas|prepaid|starter|liabilit|cash in|\bcharged?\b|\bbill(s|ed|ing)?\b|invoice|revenue|margin of|customers?\b|you pay|promo/i;
const ADDRESS = /\/billing|stripe|checkout/i;
/** Routes that only the other mode has, or a hub without an owner. */
const NOT_HERE = /^\/setup$|^\/design$|^\/\[org\]\/billing|^\/admin\/(payments|billing|refunds)/;

let hub: Hub;
let sql: Pool;
let upstream: Simulator;
let org: { id: string; slug: string; key: string; requestId: string; priceUsd: string; costUsd: string };
let people: { owner: Person; developer: Person; staff: Person };

test.beforeAll(async () => {
  [hub, upstream] = await Promise.all([startHub(), startOpenAISimulator()]);
  sql = createPool(readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim(), { max: 2, applicationName: "test" });
  await operatorApi(hub, "/settings", { method: "PUT", body: { mode: "enterprise" } });
  const provider = { slug: "sim", kind: "openai-compatible", baseUrl: upstream.baseUrl };
  await operatorApi(hub, "/providers", { method: "POST", body: provider });
  await operatorApi(hub, "/providers/sim/credentials", {
    method: "POST",
    body: { name: "main", apiKey: "sk-simulated" },
  });
  const offers = [{ provider: "sim", upstreamModel: "text", cost: { input: "100", output: "200" } }];
  const model = {
    type: "chat",
    contextWindow: 128_000,
    maxOutputTokens: 4_096,
    offers,
    price: { input: "120", output: "240" },
  };
  await operatorApi(hub, `/models/${MODEL}`, { method: "PUT", body: model });
  const { id, slug } = await operatorApi<{ id: string; slug: string }>(hub, "/orgs", {
    method: "POST",
    body: { name: "Research" },
  });
  const { key } = await operatorApi<{ key: string }>(hub, `/orgs/${id}/keys`, {
    method: "POST",
    body: { name: "Crawler" },
  });
  people = {
    owner: await makePerson(sql, { orgId: id, role: "owner" }),
    developer: await makePerson(sql, { orgId: id, role: "developer" }),
    staff: await makePerson(sql),
  };
  await sql.query("INSERT INTO staff (user_id, role) VALUES ($1, 'owner')", [people.staff.userId]);
  org = { id, slug, key, requestId: "", priceUsd: "", costUsd: "" };
  const response = await call(MODEL);
  expect(response.status, await response.clone().text()).toBe(200);
  await expect.poll(requests).toHaveLength(1);
  const [request] = await requests();
  Object.assign(org, { requestId: request?.id, priceUsd: request?.priceUsd, costUsd: request?.costUsd });
});
test.afterAll(async () => {
  await assertHealthy(sql, org.id);
  await sql.end();
  await Promise.all([hub.stop(), upstream.stop()]);
});

function call(model: string): Promise<Response> {
  return fetch(`${hub.url}/api/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${org.key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 50, messages: [{ role: "user", content: "Hello" }] }),
  });
}

async function requests() {
  type Row = { id: string; priceUsd: string; costUsd: string };
  return (await operatorApi<{ data: Row[] }>(hub, `/requests?orgId=${org.id}`)).data;
}

async function browserOf(browser: { newContext(options: object): Promise<BrowserContext> }, person: Person | null) {
  const context = await browser.newContext({ baseURL: hub.url, locale: "en" });
  if (person) await context.addCookies([await sessionCookie(hub, person.sid)]);
  return context;
}

/** Where a route leads here; what is shown one by one is what the call left behind. */
async function addressOf(route: string): Promise<string> {
  const ids: Record<string, () => Promise<string>> = {
    "/[org]/activity/requests/[id]": async () => org.requestId,
    "/[org]/billing/return/[id]": async () => `top_${"0".repeat(26)}`,
    "/[org]/keys/[id]": async () => (await sql.query("SELECT id FROM api_key WHERE org_id = $1", [org.id])).rows[0].id,
    "/admin/catalogue/[id]": async () => {
      const body = { sources: [{ type: "bundled" }] };
      return (await operatorApi<{ id: string }>(hub, "/catalog/syncs", { method: "POST", body })).id;
    },
    "/admin/customers/[id]": async () => org.id,
    "/admin/models/[...id]": async () => MODEL,
    "/admin/providers/[slug]": async () => "sim",
    "/admin/providers/[slug]/models": async () => "sim",
    "/models/[...id]": async () => MODEL,
    "/invite/[token]": async () => "x".repeat(43),
  };
  const needed = route.replace("[org]", "").includes("[");
  if (needed && !ids[route]) throw new Error(`Say here what ${route} shows.`);
  return filled(route, { slug: org.slug, id: needed ? await ids[route]?.() : "" }).replaceAll("%2F", "/");
}

/** Everything a page says: its text, names, hints and values, and where its links and forms lead. */
async function expectNoPayment(page: Page, where: string): Promise<void> {
  const said = await page.evaluate(() => {
    const attributes = ["aria-label", "title", "placeholder", "alt", "value"];
    const nodes = [...document.querySelectorAll(attributes.map((name) => `[${name}]`).join())];
    const named = nodes.flatMap((node) => attributes.map((name) => node.getAttribute(name) ?? ""));
    const leads = [...document.querySelectorAll("[href], [action]")].map(
      (node) => node.getAttribute("href") ?? node.getAttribute("action") ?? "",
    );
    return { words: [document.title, document.body.innerText, ...named], leads };
  });
  const words = said.words.flatMap((text) => text.split("\n")).filter((line) => PAYMENT.test(line));
  expect.soft(words, `${where} says`).toEqual([]);
  expect
    .soft(
      said.leads.filter((lead) => ADDRESS.test(lead) && !lead.startsWith("data:")),
      `${where} leads to`,
    )
    .toEqual([]);
}

const SEEN_BY = [
  { visitor: "nobody in particular", routes: ROUTES.filter((route) => !/^\/(\[org\]|admin)/.test(route)) },
  { visitor: "owner", routes: ROUTES.filter((route) => route.startsWith("/[org]")) },
  { visitor: "developer", routes: ROUTES.filter((route) => route.startsWith("/[org]")) },
  { visitor: "staff", routes: ROUTES.filter((route) => route.startsWith("/admin")) },
] as const;

for (const { visitor, routes } of SEEN_BY) {
  test(`no page speaks of paying to ${visitor}`, async ({ browser }) => {
    const person = visitor === "nobody in particular" ? null : people[visitor];
    const context = await browserOf(browser, person);
    const page = await context.newPage();
    for (const route of routes) {
      const path = await addressOf(route);
      const answer = await page.goto(path, { waitUntil: "domcontentloaded" });
      // a developer sees their own calls and keys only
      const isTheirs = visitor !== "developer" || !route.includes("[id]");
      const missing = NOT_HERE.test(route) || !isTheirs;
      if (missing) expect.soft(answer?.status(), route).toBe(404);
      else expect.soft(answer?.status() ?? 0, route).toBeLessThan(route.includes("[token]") ? 405 : 400);
      await page.locator("h1").first().waitFor();
      await expectNoPayment(page, `${route} (${visitor})`);
    }
    await context.close();
  });
}

test("usage and cost of a call are there: for its organisation and for the operator", async ({ browser }) => {
  const [price, cost] = [org.priceUsd, org.costUsd].map((usd) => formatMoney(parseUsd(usd), "en"));
  if (!price || !cost) throw new Error("the call has neither price nor cost");
  expect(price).not.toBe(cost);
  const context = await browserOf(browser, people.owner);
  const page = await context.newPage();

  await page.goto(`/${org.slug}`);
  await expect(page.getByRole("banner").getByRole("link", { name: `Cost: ${cost}` })).toBeVisible();
  await expect(page.getByRole("region", { name: texts.overview.week })).toContainText(price);

  await page
    .getByRole("banner")
    .getByRole("link", { name: /^Cost:/ })
    .click();
  await expect(page).toHaveURL(`/${org.slug}/costs`);
  await expect(page.getByRole("heading", { level: 1, name: texts.costs.title })).toBeVisible();
  await expect(page.getByRole("navigation").getByRole("link", { name: texts.costs.title }).first()).toBeVisible();
  for (const [group, label] of Object.entries({
    app: "default",
    key: "Crawler",
    member: texts.costs.noMember,
    model: MODEL,
  })) {
    await page.goto(`/${org.slug}/costs?group=${group}`);
    const row = page.getByRole("region", { name: /\d{4}/ }).getByRole("row").filter({ hasText: label });
    await expect(row).toContainText(price);
    await expect(row).toContainText(cost);
  }
  const months = page.getByRole("table", { name: texts.costs.months });
  await expect(months.getByRole("row").nth(1)).toContainText(cost);

  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: texts.costs.download }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(new RegExp(`^${org.slug}-\\d{4}-\\d{2}\\.csv$`));
  const csv = readFileSync(await download.path(), "utf8");
  expect(csv).toContain(`default,Crawler,${texts.costs.noMember},${MODEL},1,`);
  expect(csv.trim().endsWith(`,${org.priceUsd},${org.costUsd}`)).toBe(true);

  await page.goto(`/${org.slug}/activity/requests/${org.requestId}`);
  const receipt = page.getByRole("figure");
  await expect(receipt).toContainText(own.receipt.charged);
  await expect(receipt).toContainText(org.priceUsd);
  await page.goto(`/${org.slug}/activity`);
  await expect(page.getByRole("table", { name: texts.activity.table })).toContainText(price);
  await context.close();

  const operator = await browserOf(browser, people.staff);
  const panel = await operator.newPage();
  await panel.goto("/admin?range=today");
  const models = panel
    .getByRole("table", { name: texts.admin.overview.byModel })
    .getByRole("row")
    .filter({ hasText: MODEL });
  await expect(models).toContainText(price);
  await expect(models).toContainText(cost);
  await panel.goto("/admin/customers");
  await expect(panel.getByRole("row").filter({ hasText: "Research" })).toContainText(price);
  await operator.close();
});

test("strangers are asked to sign in, and settings open the public pages", async ({ browser }) => {
  const stranger = await (await browserOf(browser, null)).newPage();
  await stranger.goto("/");
  await expect(stranger).toHaveURL("/sign-in");
  await expect(stranger.getByRole("link", { name: texts.auth.signIn.signUp })).toHaveCount(0);
  await stranger.goto("/sign-up");
  await expect(stranger.getByText(texts.auth.signUp.closed)).toBeVisible();
  await expect(stranger.getByRole("textbox")).toHaveCount(0);

  const member = await (await browserOf(browser, people.developer)).newPage();
  await member.goto("/");
  await expect(member.getByRole("heading", { level: 1, name: own.landing.title })).toBeVisible();
  await expectNoPayment(member, "/ (signed in)");

  const panel = await (await browserOf(browser, people.staff)).newPage();
  await panel.goto("/admin/settings");
  await panel.getByRole("checkbox", { name: texts.admin.settings.publicPages }).check();
  await panel.getByRole("button", { name: texts.admin.settings.save }).click();
  await expect(panel.getByText(texts.admin.settings.saved)).toBeVisible();
  await stranger.goto("/");
  await expect(stranger.getByRole("heading", { level: 1, name: own.landing.title })).toBeVisible();
  await expectNoPayment(stranger, "/ (open)");
});

test("a playground answer costs something and charges nobody", async ({ browser }) => {
  const page = await (await browserOf(browser, people.developer)).newPage();
  await page.goto(`/${org.slug}/playground?model=${MODEL}`);
  const composer = page.getByRole("textbox", { name: texts.playground.composer.label, exact: true });
  await composer.fill("Hello");
  await composer.press("Enter");
  const answer = page.getByRole("article").last();
  await expect(answer.locator("[data-charge-usd]")).toHaveText(/^\$0\.\d+$/);
  await expectNoPayment(page, "the playground after an answer");
});

test("nothing can be bought, and no call is refused for money", async () => {
  const grown = await operatorApi<{ balanceUsd: string; availableUsd: string | null }>(hub, `/orgs/${org.id}/wallet`);
  expect(grown.availableUsd).toBeNull();
  expect(parseUsd(grown.balanceUsd)).toBeLessThan(0n);
  expect((await call(MODEL)).status).toBe(200);
});
