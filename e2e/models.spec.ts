import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeModel } from "@/e2e/support/fixtures";
import { signInMember } from "@/e2e/support/member";
import type { HubUnderTest } from "@/e2e/support/setup";
import { expect, test } from "@/e2e/support/test";
import { createPool } from "@/lib/pg";
import en from "@/messages/en.json" with { type: "json" };

const t = en.models;

test("whoever looks finds a model, its price and how to call it, before signing up", async ({ page, baseURL }) => {
  await page.goto("/");
  await page.getByRole("link", { name: en.landing.browse }).click();
  await page.getByRole("searchbox", { name: t.search }).fill("sandbox/chat");
  await page.getByRole("link", { name: "sandbox/chat" }).click();
  // The list has rows that speak of input too, until the model's own page is there.
  await expect(page).toHaveURL(/\/models\/sandbox/);
  await expect(page.getByRole("row").filter({ hasText: "input" })).toContainText("$0.");
  await expect(page.getByRole("tabpanel", { name: "curl" })).toContainText(`${baseURL}/api/v1/chat/completions`);
  await expect(page.getByRole("link", { name: t.tryHere })).toHaveAttribute("href", /\/sign-in\?next=/);
});

test("no search is a dead end", async ({ page }) => {
  await page.goto("/models");
  await page.getByRole("searchbox", { name: t.search }).fill("no such model");
  await expect(page.getByText(t.noMatch)).toBeVisible();
  await page.getByRole("button", { name: t.clear }).click();
  await expect(page.getByRole("link", { name: "sandbox/chat" })).toBeVisible();
});

test("a model without a price is never shown as free", async ({ page, hub }) => {
  const { id } = await makeModels(hub);
  await page.goto(`/models/${id}`);
  await expect(page.getByText(t.unpriced)).toBeVisible();
  await expect(page.getByText("$0.00")).toHaveCount(0);
  await expect(page.getByRole("link", { name: t.tryHere })).toHaveCount(0);
  await page.goto("/models");
  await page.getByRole("searchbox", { name: t.search }).fill(id);
  await expect(page.getByRole("row").filter({ hasText: id })).toContainText(t.unpriced);
});

test("what is not sold by the token says what it is sold by", async ({ page }) => {
  await page.goto("/models");
  await expect(page.getByRole("row").filter({ hasText: "sandbox/image" })).toContainText("$0.01 per image");
});

test("an alias leads to its model, and signed in to the playground", async ({ page, context, hub }) => {
  const { alias, priced } = await makeModels(hub);
  const { slug } = await signInMember(context, hub);
  await page.goto(`/models/${alias}`);
  await expect(page.getByText(priced, { exact: true }).first()).toBeVisible();
  await expect(page.getByRole("link", { name: t.tryHere })).toHaveAttribute("href", new RegExp(`^/${slug}/playground`));
  expect((await page.goto("/models/no/such"))?.status()).toBe(404);
});

test("no build that is served has the gallery of components", async ({ page }) => {
  expect((await page.goto("/design"))?.status()).toBe(404);
});

/** A model with a price and an alias, and one without a price. */
async function makeModels(hub: HubUnderTest): Promise<{ id: string; priced: string; alias: string }> {
  const sql = createPool(readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim(), {
    max: 1,
    applicationName: "test",
  });
  const { rows } = await sql.query<{ id: string; slug: string }>(
    "SELECT id, slug FROM provider WHERE kind = 'sandbox' LIMIT 1",
  );
  const provider = { id: rows[0]?.id ?? "", slug: rows[0]?.slug ?? "", credentialIds: [] };
  const offers = [{ provider, upstreamModel: "chat" }];
  const id = await makeModel(sql, { offers, price: null });
  const alias = `${id.replace("/", "-")}-alias`;
  const priced = await makeModel(sql, { offers, aliases: [alias] });
  await sql.end();
  return { id, priced, alias };
}
