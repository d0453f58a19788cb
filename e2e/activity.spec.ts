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
  await page.goto(`/${slug}/activity?view=requests&outcome=timeout`);
  await expect(page.getByText(en.activity.noMatch)).toBeVisible();
  await page.getByRole("link", { name: en.activity.clear }).click();
  await expect(page.locator("tbody tr")).toHaveCount(3);
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
