import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import type { Pool } from "pg";
import { type Hub, startHub } from "@/e2e/support/hub";
import { pressEntry } from "@/e2e/support/menu";
import { operatorApi } from "@/e2e/support/operator-api";
import { ROUTES } from "@/e2e/support/pages";
import { filled, tenantIds } from "@/e2e/support/routes";
import { sessionCookie } from "@/e2e/support/session";
import { fingerprint, makePerson, makeTenant, type Person, ROLES, type Tenant } from "@/e2e/support/tenants";
import { expect, test } from "@/e2e/support/test";
import { ROUTES as ENDPOINTS } from "@/lib/gateway/endpoints/table";
import { newId } from "@/lib/ids";
import { createPool } from "@/lib/pg";
import en from "@/messages/en.json" with { type: "json" };

// Two organisations on one hub, over HTTP: nothing of the one is on a page or in an answer of the other, what is not
// one's own is answered like what never was, with a real 404, and afterwards everything is as it was.
// lib/auth/tenancy.test.ts does the same for every server action.

test.describe.configure({ mode: "default", timeout: 120_000 });

let hub: Hub;
let sql: Pool;
let a: Tenant;
let b: Tenant;
let staff: Person;

test.beforeAll(async () => {
  hub = await startHub();
  sql = createPool(readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim(), { max: 4, applicationName: "test" });
  [a, b] = [await makeTenant(sql), await makeTenant(sql)];
  staff = await makePerson(sql);
  await sql.query("INSERT INTO staff (user_id, role) VALUES ($1, 'owner')", [staff.userId]);
});
test.afterAll(async () => {
  await sql.end();
  await hub.stop();
});

type Seen = { status: number; text: string; html: string };

async function open(path: string, person: Person | null, headers: Record<string, string> = {}): Promise<Seen> {
  const cookie = person && (await sessionCookie(hub, person.sid));
  const response = await fetch(hub.url + path, {
    redirect: "manual",
    headers: { ...headers, ...(cookie && { cookie: `${cookie.name}=${cookie.value}` }) },
  });
  const html = await response.text();
  return { status: response.status, html, text: visibleText(html) };
}

function visibleText(html: string): string {
  return html
    .replace(/<(script|style|template)\b.*?<\/\1>/gs, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

const CONSOLE = ROUTES.filter((route) => route.startsWith("/[org]"));
const ADMIN = ROUTES.filter((route) => route.startsWith("/admin"));
const OF_ONE_THING = CONSOLE.filter((route) => route.replace("[org]", "").includes("["));
/** In this mode the page is not there for anybody. */
const NOT_IN_SERVICE_MODE = ["/[org]/costs"];

/** Written by the worker at its own time. */
const WORKERS = ["public.balance_alert"];

test("no page of another organisation opens, whatever one's role, and it looks like one that never was", async () => {
  const before = await fingerprint(sql, b.orgId, WORKERS);
  const nobody = { ...b, slug: `${b.slug}x` };
  for (const route of CONSOLE) {
    for (const theirs of tenantIds(route, b)) {
      for (const role of ["owner", "viewer"] as const) {
        const foreign = await open(filled(route, { slug: b.slug, id: theirs }), a.people[role]);
        const missing = await open(filled(route, { slug: nobody.slug, id: theirs }), a.people[role]);
        expect(foreign.status, `${route} as ${role}`).toBe(404);
        expect({ ...missing, html: "" }, `${route} as ${role}`).toEqual({ ...foreign, html: "" });
        expectNothingOf(b, foreign.html, route, { slug: b.slug, id: theirs });
      }
      expect((await open(filled(route, { slug: b.slug, id: theirs }), null)).status, `${route} signed out`).toBe(307);
      expect((await open(filled(route, { slug: b.slug, id: theirs }), staff)).status, `${route} as staff`).toBe(404);
    }
  }
  expect(await fingerprint(sql, b.orgId, WORKERS)).toEqual(before);
});

test("one thing of another organisation answers 404 under one's own, like one that never was", async () => {
  const before = await fingerprint(sql, b.orgId, WORKERS);
  for (const route of OF_ONE_THING) {
    const [ours, theirs] = [tenantIds(route, a), tenantIds(route, b)];
    for (const [index, id] of theirs.entries()) {
      const own = await open(filled(route, { slug: a.slug, id: ours[index] }), a.people.owner);
      expect(own.status, `${route} of one's own`).toBe(200);
      for (const role of ROLES) {
        const foreign = await open(filled(route, { slug: a.slug, id }), a.people[role]);
        const missing = await open(filled(route, { slug: a.slug, id: neverWas(id) }), a.people[role]);
        expect(foreign.text.replaceAll(id, ""), `${route} as ${role}`).toBe(missing.text.replaceAll(neverWas(id), ""));
        expect(foreign.status, `${route} as ${role}`).toBe(missing.status);
        expectNothingOf(b, foreign.html, route, { slug: "", id });
        if (role === "owner") expect(foreign.status, route).toBe(404);
      }
    }
  }
  expect(await fingerprint(sql, b.orgId, WORKERS)).toEqual(before);
});

test("no page of one's own shows anything of another organisation, also when its address names some", async () => {
  const asked = new URLSearchParams({
    view: "requests",
    key: b.keyId,
    cancelled: b.topupId,
    orgId: b.orgId,
    app: b.appId,
  });
  for (const route of CONSOLE) {
    for (const id of tenantIds(route, a)) {
      const path = filled(route, { slug: a.slug, id });
      for (const role of ROLES) {
        const plain = await open(path, a.people[role]);
        // a developer sees their own calls and keys only
        const own = role === "developer" && OF_ONE_THING.includes(route) ? [200, 404] : [200];
        expect(NOT_IN_SERVICE_MODE.includes(route) ? [404] : own, `${path} as ${role}`).toContain(plain.status);
        expectNothingOf(b, plain.html, `${path} as ${role}`);
      }
      const named = await open(`${path}?${asked}`, a.people.owner);
      expectNothingOf(b, visibleText(named.html), `${path}?${asked}`);
      const payload = await open(path, a.people.owner, { rsc: "1" });
      expectNothingOf(b, payload.html, `the payload of ${path}`);
    }
  }
});

test("the administration is not there for customers, and for staff a missing id answers 404", async () => {
  for (const route of ADMIN) {
    const path = filled(route, { slug: "", id: route.includes("customers") ? a.orgId : "sandbox" });
    for (const role of ROLES) expect((await open(path, a.people[role])).status, `${path} as ${role}`).toBe(404);
    expect((await open(path, null)).status, `${path} signed out`).toBe(307);
    if (!route.includes("[")) continue;
    expect((await open(filled(route, { slug: "", id: "org_none" }), staff)).status, `${route} missing`).toBe(404);
  }
  const own = await open(`/admin/customers/${b.orgId}`, staff);
  expect(own.status).toBe(200);
  expect(own.text).toContain(b.mark);
});

test("the admin API answers no key and no session of a customer", async () => {
  const { key } = await operatorApi<{ key: string }>(hub, `/orgs/${a.orgId}/keys`, {
    method: "POST",
    body: { name: "a" },
  });
  const before = await fingerprint(sql, b.orgId, WORKERS);
  const { paths } = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const cookie = await sessionCookie(hub, a.people.owner.sid);
  const credentials: Record<string, string>[] = [
    { authorization: `Bearer ${key}` },
    { cookie: `${cookie.name}=${cookie.value}`, origin: hub.url },
    {},
  ];
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ path: path.replace(/\{\w+\}/g, b.orgId), method: method.toUpperCase() })),
  );
  expect(operations.length).toBeGreaterThan(20);
  for (const { path, method } of operations) {
    const base = path.startsWith("/api/") ? path : `/api/admin/v1${path}`;
    for (const credential of credentials) {
      const headers = { "content-type": "application/json", ...credential };
      const response = await fetch(hub.url + base, { method, headers, body: method === "GET" ? null : "{}" });
      expect(response.status, `${method} ${base} ${Object.keys(credential)}`).toBe(401);
    }
  }
  expect(await fingerprint(sql, b.orgId, WORKERS)).toEqual(before);
});

test("a key reads what its own organisation may see, and nothing of another one", async () => {
  const body = { name: "reader" };
  const { key } = await operatorApi<{ key: string }>(hub, `/orgs/${a.orgId}/keys`, { method: "POST", body });
  const reads = ENDPOINTS.filter(({ method }) => method === "GET");
  for (const { path: route, prefix } of reads) {
    // this one takes its id as a parameter
    const takesId = prefix || route === "/api/v1/generation";
    const path = prefix || !takesId ? route : `${route}?id=`;
    for (const id of takesId ? [b.requestId, b.refusalId, b.keyId, b.orgId, b.topupId, newId("req")] : [""]) {
      const response = await fetch(hub.url + path + id, { headers: { authorization: `Bearer ${key}` } });
      const text = await response.text();
      expect(response.status, path + id).toBe(takesId ? 404 : 200);
      expectNothingOf(b, text, path + id, { slug: "", id });
    }
  }
});

test("what a page sends is judged by who sends it", async ({ browser }) => {
  const before = await fingerprint(sql, b.orgId, WORKERS);
  const context = await browser.newContext({ baseURL: hub.url });
  await context.addCookies([await sessionCookie(hub, a.people.owner.sid)]);
  const page = await context.newPage();
  await page.goto(`/${a.slug}/settings`);
  const sent = interceptAction(page, (postData) => postData.replaceAll(a.slug, b.slug));
  const name = page.getByRole("region", { name: en.settings.organisation }).getByRole("textbox");
  await name.fill("Taken over");
  await name.press("Enter");
  expect(await sent).toContain('"not_found"');
  expect(await fingerprint(sql, b.orgId, WORKERS)).toEqual(before);
  await context.close();
});

test("what staff may send, a customer may not", async ({ browser }) => {
  const before = await fingerprint(sql, b.orgId, WORKERS);
  const context = await browser.newContext({ baseURL: hub.url });
  await context.addCookies([await sessionCookie(hub, staff.sid)]);
  const page = await context.newPage();
  await page.goto(`/admin/customers/${b.orgId}`);
  await page.getByRole("button", { name: en.admin.customers.suspend.suspend }).click();
  const question = page.getByRole("dialog");
  await question.getByLabel(en.admin.customers.reason).fill("abuse");
  // the browser is somebody else's by the time the request leaves
  await context.addCookies([await sessionCookie(hub, a.people.owner.sid)]);
  const sent = interceptAction(page, (postData) => postData);
  await question.getByRole("button", { name: en.admin.customers.suspend.suspend }).click();
  expect(await sent).toContain('"not_found"');
  expect(await fingerprint(sql, b.orgId, WORKERS)).toEqual(before);
  await context.close();
});

/** What the hub answers to the next server action of the page, whose arguments `change` has had in hand. */
function interceptAction(page: Page, change: (postData: string) => string): Promise<string> {
  return new Promise((resolve) => {
    void page.route("**/*", async (route) => {
      const request = route.request();
      if (request.method() !== "POST" || !request.headers()["next-action"]) return route.fallback();
      const response = await route.fetch({ postData: change(request.postData() ?? "") });
      resolve(await response.text());
      await route.fulfill({ response });
    });
  });
}

test("signing out ends what the playground's token could do", async ({ browser }) => {
  const person = await makePerson(sql, { orgId: a.orgId, role: "developer" });
  const context = await browser.newContext({ baseURL: hub.url });
  await context.addCookies([await sessionCookie(hub, person.sid)]);
  const page = await context.newPage();
  await page.goto(`/${a.slug}/playground?model=sandbox/chat`);
  const composer = page.getByRole("textbox", { name: en.playground.composer.label, exact: true });
  await composer.fill("Hello");
  const [request] = await Promise.all([page.waitForRequest("**/api/v1/chat/completions"), composer.press("Enter")]);
  const authorization = (await request.allHeaders()).authorization ?? "";
  expect(authorization).toMatch(/^Bearer aigne_pt_/);
  const ask = async () => (await fetch(`${hub.url}/api/v1/models`, { headers: { authorization } })).status;
  expect(await ask()).toBe(200);
  await pressEntry(
    page.getByRole("button", { name: /^Account/ }),
    page.getByRole("menuitem", { name: en.shell.signOut }),
  );
  await expect(page).toHaveURL(/\/sign-in$/);
  await expect.poll(ask, { timeout: 5_000 }).toBe(401);
  await context.close();
});

/** Fails when a page or answer holds a name or id of the organisation, those aside that the address itself named. */
function expectNothingOf(tenant: Tenant, body: string, where: string, asked?: { slug: string; id: string }): void {
  let rest = body;
  for (const named of [asked?.slug, asked?.id]) if (named) rest = rest.replaceAll(named, "");
  const { mark, orgId, appId, keyId, invitationId, topupId, requestId, refusalId, people } = tenant;
  const persons = Object.values(people).flatMap(({ userId, memberId, sessionId }) => [userId, memberId, sessionId]);
  const found = [mark, orgId, appId, keyId, invitationId, topupId, requestId, refusalId, ...persons].filter((secret) =>
    rest.includes(secret),
  );
  expect(found, where).toEqual([]);
}

/** Of the same form as an id, and of nothing. */
function neverWas(id: string): string {
  return `${id.slice(0, -6)}000000`;
}
