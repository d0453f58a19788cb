import { createDecipheriv, createHash, pbkdf2Sync } from "node:crypto";
import { signInMember } from "@/e2e/support/member";
import { signInStaff } from "@/e2e/support/staff";
import { expect, test } from "@/e2e/support/test";
import en from "@/messages/en.json" with { type: "json" };

const t = en.connect;
const SESSION = "/.well-known/service/api/access-key/session";

/** The steps of the published CLI's `createConnect`, from its own constants and formats. */
function client(url: string) {
  const request = async (method: string, sid?: string) => {
    const response = await fetch(`${url}${SESSION}${sid === undefined ? "" : `?sid=${sid}`}`, { method });
    return { status: response.status, body: (await response.json()) as Record<string, string> };
  };
  return {
    request,
    open: async (appName = " AIGNE CLI") => {
      const { body } = await request("POST");
      const id = body.id ?? "";
      const query = new URLSearchParams({
        __token__: Buffer.from(id).toString("base64").replace(/=/g, "").replace(/\+/g, "-").replace(/\//g, "_"),
        ...{ source: "@aigne/cli connect to AIGNE hub", closeOnSuccess: "true", cli: "true", appName },
        appLogo: "https://logo.invalid/favicon.ico",
      });
      return { id, page: `/.well-known/service/gen-simple-access-key?${query}` };
    },
    decrypt: ({ accessKeyId = "", accessKeySecret = "", challenge = "" }: Record<string, string>) => {
      const passphrase = pbkdf2Sync(challenge, accessKeyId, 256, 32, "sha512").toString("hex");
      const bytes = Buffer.from(accessKeySecret, "base64");
      const digests = [Buffer.alloc(0)];
      for (let i = 0; i < 3; i++) {
        const md5 = createHash("md5")
          .update(digests[i] ?? "")
          .update(passphrase)
          .update(bytes.subarray(8, 16));
        digests.push(md5.digest());
      }
      const derived = Buffer.concat(digests);
      const decipher = createDecipheriv("aes-256-cbc", derived.subarray(0, 32), derived.subarray(32));
      return Buffer.concat([decipher.update(bytes.subarray(16)), decipher.final()]).toString("utf8");
    },
  };
}

// a hub without an owner shows set-up instead
test.beforeAll(async ({ hub }) => {
  await signInStaff({ addCookies: async () => {} }, hub, "owner");
});

test("you allow the CLI a key with a budget, and the key it decrypts answers", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub);
  const cli = client(hub.url);
  const { id, page: address } = await cli.open();
  expect(await cli.request("GET", id)).toEqual({ status: 200, body: {} });

  const strangers: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(hub.url)) strangers.push(request.url());
  });
  await page.goto(address);
  await expect(page).toHaveURL(/\/connect\?/);
  await expect(page.getByText(t.unverified.replace("{app}", "AIGNE CLI"))).toBeVisible();
  expect(await cli.request("GET", id)).toEqual({ status: 200, body: {} });
  await page.getByLabel(en.keys.name, { exact: true }).fill("My laptop");
  await page.getByText(en.keys.limitsTitle).click();
  await page.getByLabel(en.keys.budget).fill("3");
  await page.getByRole("button", { name: t.allow }).click();
  await expect(page.getByRole("status")).toContainText("AIGNE CLI");

  const first = await cli.request("GET", id);
  const second = await cli.request("GET", id);
  expect(second).toEqual(first);
  const key = cli.decrypt(second.body);
  expect(key).toMatch(/^aigne_sk_\w+$/);
  expect((await cli.request("DELETE", id)).status).toBe(200);
  expect((await cli.request("GET", id)).status).toBe(404);

  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const body = JSON.stringify({ model: "sandbox/chat", messages: [{ role: "user", content: "Hello" }] });
  expect((await fetch(`${hub.url}/api/v1/chat/completions`, { method: "POST", headers, body })).status).toBe(200);
  const own = (await (await fetch(`${hub.url}/api/v1/key`, { headers })).json()) as { data: Record<string, unknown> };
  expect(own.data).toMatchObject({ label: "My laptop", limit: 3 });
  await page.goto(`/${slug}/keys`);
  await expect(page.getByRole("row").filter({ hasText: "My laptop" })).toContainText("AIGNE CLI");
  expect(strangers).toEqual([]);
});

test("denied, the CLI is told and stops waiting; the request is over", async ({ page, context, hub }) => {
  await signInMember(context, hub);
  const cli = client(hub.url);
  const { id, page: address } = await cli.open();
  await page.goto(address);
  await page.getByRole("button", { name: t.deny }).click();
  await expect(page.getByRole("status")).toContainText("AIGNE CLI");
  expect((await cli.request("GET", id)).status).toBe(403);
  await page.goto(address);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.goneTitle);
});

test("what the program calls itself is text, and short", async ({ page, context, hub }) => {
  await signInMember(context, hub);
  const { page: address } = await client(hub.url).open(`<img src=x onerror=alert(1)>\n${"very official ".repeat(20)}`);
  await page.goto(address);
  await expect(page.getByText("<img src=x onerror=alert(1)> very official").first()).toBeVisible();
  expect(await page.locator("main img").count()).toBe(0);
});

test("signed out you sign in first and come back", async ({ page, hub }) => {
  const { page: address } = await client(hub.url).open();
  await page.goto(address);
  await expect(page).toHaveURL(/\/sign-in\?next=%2Fconnect/);
});

test("a viewer finds no organisation that they could give a key of", async ({ page, context, hub }) => {
  await signInMember(context, hub, { role: "viewer" });
  const { page: address } = await client(hub.url).open();
  await page.goto(address);
  await expect(page.getByText(t.noOrg)).toBeVisible();
  await expect(page.getByRole("button", { name: t.allow })).toHaveCount(0);
});
