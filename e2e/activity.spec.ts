import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserContext } from "@playwright/test";
import OpenAI from "openai";
import { makeKey } from "@/e2e/support/fixtures";
import { signInMember } from "@/e2e/support/member";
import type { HubUnderTest } from "@/e2e/support/setup";
import { expect, test } from "@/e2e/support/test";
import { formatMoney } from "@/lib/format-money";
import { newId } from "@/lib/ids";
import { parseUsd } from "@/lib/money";
import { createPool } from "@/lib/pg";
import en from "@/messages/en.json" with { type: "json" };

test("the receipt says what the API said", async ({ page, context, hub }) => {
  const { slug, call } = await memberWithKey(context, hub);
  await page.goto(`/${slug}`);
  await expect(page.getByText(en.overview.steps.callWaiting)).toBeVisible();
  const { id, costUsd } = await call("Count to ten");

  // the open page ticks by itself
  await expect(page.getByText(/First call received in \d+ ms/)).toBeVisible({ timeout: 15_000 });
  await page.goto(`/${slug}/activity/requests/${id}`);
  const receipt = page.getByRole("figure");
  await expect(receipt.getByText("charged", { exact: true })).toBeVisible();
  const charged = await receipt.locator("tfoot td").last().textContent();
  expect(parseUsd(charged?.replace("$", "") ?? "")).toBe(parseUsd(costUsd));
});

test("sums, list and receipt agree", async ({ page, context, hub }) => {
  const { slug, call } = await memberWithKey(context, hub);
  const costs = [await call("One"), await call("Two two"), await call("Three three three")];
  const total = costs.reduce((sum, { costUsd }) => sum + parseUsd(costUsd), 0n);

  await page.goto(`/${slug}/activity`);
  const totals = page.locator("tfoot tr");
  await expect(totals).toContainText(formatMoney(total, "en"));
  await expect(totals).toContainText("3");

  await page.goto(`/${slug}/activity?view=requests`);
  await expect(page.locator("tbody tr")).toHaveCount(3);
  await page.goto(`/${slug}/activity?view=requests&outcome=failed`);
  await expect(page.getByText(en.activity.noMatch)).toBeVisible();
  await page.getByRole("link", { name: en.activity.clear }).click();
  await expect(page.locator("tbody tr")).toHaveCount(3);
});

test("a receipt opens beside the list, and J and K go through it", async ({ page, context, hub }) => {
  const { slug, call } = await memberWithKey(context, hub);
  const calls = [await call("One"), await call("Two"), await call("Three")];
  await page.goto(`/${slug}/activity?view=requests&outcome=ok`);
  await page.getByRole("row").nth(1).getByRole("link").click();
  const sheet = page.getByRole("dialog");
  await expect(sheet.getByText(calls[2]?.id ?? "", { exact: true })).toBeVisible();
  await expect(page).toHaveURL(new RegExp(`outcome=ok.*request=${calls[2]?.id}`));
  await page.keyboard.press("j");
  await expect(sheet.getByText(calls[1]?.id ?? "", { exact: true })).toBeVisible();
  await page.keyboard.press("k");
  await expect(sheet.getByText(calls[2]?.id ?? "", { exact: true })).toBeVisible();
  // the address alone shows the same
  await page.reload();
  await expect(sheet.getByRole("figure")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(sheet).toHaveCount(0);
  await expect(page).not.toHaveURL(/request=/);
});

test("the filtered requests are a file, as CSV and as NDJSON", async ({ page, context, hub }) => {
  const { slug, call } = await memberWithKey(context, hub);
  const { id, costUsd } = await call("One");
  await call("Two");
  await page.goto(`/${slug}/activity?view=requests&search=${id}`);
  await expect(page.locator("tbody tr")).toHaveCount(1);
  const file = async (name: string) => {
    const link = await page.getByRole("link", { name, exact: true }).getAttribute("href");
    const response = await page.request.get(link ?? "");
    expect(response.headers()["content-disposition"]).toContain("attachment");
    return response.text();
  };
  const [head, line, ...rest] = (await file(en.activity.csv)).trimEnd().split("\r\n");
  expect(rest).toEqual([]);
  const columns = (head ?? "").split(",");
  const cells = (line ?? "").split(",");
  expect(cells[columns.indexOf("id")]).toBe(id);
  expect(parseUsd(cells[columns.indexOf("priceUsd")] ?? "")).toBe(parseUsd(costUsd));
  const rows = (await file(en.activity.ndjson))
    .trimEnd()
    .split("\n")
    .map((one) => JSON.parse(one));
  expect(rows.map((row: { id: string }) => row.id)).toEqual([id]);
  await page.goto(`/${slug}/activity?group=app`);
  expect(await file(en.activity.csv)).toMatch(/^app,calls,/);
});

test("apps lead to their own figures, in the zone that was chosen", async ({ page, context, hub }) => {
  const { slug, call } = await memberWithKey(context, hub);
  await call("One");
  await page.goto(`/${slug}/activity?view=apps&zone=Asia/Tokyo`);
  await page.getByRole("link", { name: "test", exact: true }).click();
  await expect(page).toHaveURL(/app=app_.*|zone=Asia/);
  await expect(page.getByRole("combobox", { name: en.activity.zoneLabel })).toHaveText("Asia/Tokyo");
  await expect(page.getByRole("rowheader", { name: "sandbox/chat" })).toBeVisible();
  await page.goto(`/${slug}/activity?app=app_of_nobody`);
  await expect(page.getByText(en.activity.empty)).toBeVisible();
});

test("the checklist stays away once it was put away", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub);
  await page.goto(`/${slug}`);
  await page.getByRole("button", { name: en.overview.dismiss }).click();
  await expect(page.getByRole("heading", { name: en.overview.checklist })).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole("heading", { name: en.overview.balance })).toBeVisible();
  await expect(page.getByRole("heading", { name: en.overview.checklist })).toHaveCount(0);
});

test("nobody follows or exports another organisation", async ({ page, context, hub, browser }) => {
  const stranger = await browser.newContext();
  const { slug } = await signInMember(stranger, hub);
  await signInMember(context, hub);
  for (const path of ["changes", "requests", "usage"]) {
    expect((await page.request.get(`${hub.url}/api/console/${slug}/${path}`)).status(), path).toBe(404);
  }
  await stranger.clearCookies();
  expect((await stranger.request.get(`${hub.url}/api/console/${slug}/requests`)).status()).toBe(401);
  await stranger.close();
});

test("nobody opens another organisation's receipt", async ({ page, context, hub, browser }) => {
  const { call } = await memberWithKey(context, hub);
  const { id } = await call("Secret");
  const stranger = await browser.newContext();
  const { slug } = await signInMember(stranger, hub);
  const other = await stranger.newPage();
  await other.goto(`${hub.url}/${slug}/activity/requests/${id}`);
  // the shell has begun to stream by then, so the page says it, not the status
  await expect(other.getByRole("heading", { name: en.notFound.title })).toBeVisible();
  await expect(other.getByText(id)).toBeHidden();
  await stranger.close();
  await page.close();
});

/** A signed-in owner with a key of the organisation, and a call with it. */
async function memberWithKey(context: BrowserContext, hub: HubUnderTest) {
  const { orgId, slug } = await signInMember(context, hub);
  const sql = createPool(readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim(), {
    max: 1,
    applicationName: "test",
  });
  const appId = newId("app");
  await sql.query("INSERT INTO app (id, org_id, name) VALUES ($1, $2, 'test')", [appId, orgId]);
  const keyPepper = readFileSync(join(hub.dataDir, "secrets/HUB_KEY_PEPPER"), "utf8").trim();
  const { key } = await makeKey(sql, { keyPepper, secretsPublicKey: "" }, { id: orgId, appId });
  await sql.end();
  const client = new OpenAI({ apiKey: key, baseURL: `${hub.url}/api/v1` });
  const call = async (content: string) => {
    const { data, response } = await client.chat.completions
      .create({ model: "sandbox/chat", messages: [{ role: "user", content }] })
      .withResponse();
    const { cost } = data.usage as unknown as { cost: number };
    const id = response.headers.get("x-request-id") ?? "";
    return { id, costUsd: String(parseUsdText(cost)) };
  };
  return { slug, call };
}

/** The JSON number as the decimal it stands for. */
function parseUsdText(cost: number): string {
  return cost.toFixed(9);
}
