import { makeCustomer } from "@/e2e/support/customer";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import type { HubUnderTest } from "@/e2e/support/setup";
import { signInStaff } from "@/e2e/support/staff";
import { expect, test } from "@/e2e/support/test";
import { newId } from "@/lib/ids";
import en from "@/messages/en.json" with { type: "json" };

const t = en.admin;
const PAGES = [
  "",
  "/providers",
  "/providers/new",
  "/providers/sandbox",
  "/models",
  "/models/new",
  "/models/sandbox/chat",
  "/customers",
  "/ledger",
  "/audit",
  "/settings",
];

test("you add a provider, test it, price a model with a margin, see what a call earned, and what is billed for it", async ({
  page,
  context,
  hub,
}) => {
  const upstream = await startOpenAISimulator();
  await signInStaff(context, hub);
  const slug = `sim-${newId("x").slice(-8)}`;
  const id = `${slug}/model`;

  await page.goto("/admin/providers");
  await page.getByRole("link", { name: t.providers.addProvider }).click();
  await page.getByRole("combobox", { name: t.providers.kind }).click();
  await page.getByRole("option", { name: "OpenAI-compatible" }).click();
  await page.getByLabel(t.providers.slug).fill(slug);
  await page.getByLabel(t.providers.baseUrl).fill(upstream.baseUrl);
  await page.getByLabel(en.credential.apiKey, { exact: true }).fill("sk-simulated");
  await page.getByRole("button", { name: t.providers.addAndTest }).click();
  await expect(page.getByText(/Test passed in \d+ ms/)).toBeVisible({ timeout: 20_000 });

  await page.getByRole("link", { name: t.providers.addModel }).click();
  await page.getByLabel(t.models.id, { exact: true }).fill(id);
  await page.getByLabel(t.models.contextWindow).fill("128000");
  await page.getByLabel(t.models.maxOutput).fill("4096");
  await page.getByLabel(t.models.upstreamModel).fill("text");
  await page.getByLabel(t.models.rates.input).fill("100");
  await page.getByLabel(t.models.rates.output).fill("200");
  await page.getByLabel(t.models.margin).fill("20");
  await expect(page.getByText("$120.00")).toBeVisible();
  await page.getByRole("button", { name: t.models.save }).click();
  await expect(page).toHaveURL(`/admin/models/${id}`);
  await expect(page.getByRole("table", { name: t.models.history })).toContainText("$240.00");

  const { key } = await makeCustomer(hub, "10");
  const answer = await call(hub, key, id);
  expect(answer.status, await answer.text()).toBe(200);

  const row = page.getByRole("table", { name: t.overview.byModel }).getByRole("row").filter({ hasText: id });
  // a call is answered a moment before it is in the books
  await expect(async () => {
    await page.goto("/admin?range=today");
    await expect(row).toBeVisible({ timeout: 1_000 });
  }).toPass();
  await expect(row).toContainText("16.7%"); // a fifth upon the cost is a sixth of the price

  // and what its provider bills for it
  const bills = t.ledger.bills;
  await page.goto("/admin/ledger");
  await page.getByRole("button", { name: bills.open }).click();
  const bill = page.getByRole("dialog", { name: bills.open });
  await bill.getByRole("combobox", { name: bills.credential }).click();
  await page.getByRole("option", { name: slug }).click();
  await bill.getByLabel(bills.day).fill(new Date().toISOString().slice(0, 10));
  await bill.getByLabel(bills.billedUsd).fill("5.00");
  await bill.getByRole("button", { name: bills.compare, exact: true }).click();
  await expect(bill).toBeHidden();
  const billed = page.getByRole("table", { name: bills.title }).getByRole("row").filter({ hasText: slug });
  await expect(billed).toContainText("$5.00");
  await expect(billed.getByTitle(/^\$4\.99/)).toBeVisible(); // the call cost a fraction of a cent
  await upstream.stop();
});

test("you adjust a customer's credit with a reason, suspend it, and its calls are refused", async ({
  page,
  context,
  hub,
}) => {
  await signInStaff(context, hub);
  const { orgId, key } = await makeCustomer(hub, "2");
  await page.goto(`/admin/customers/${orgId}`);
  await page.getByRole("button", { name: t.customers.credit.open }).click();
  const dialog = page.getByRole("dialog", { name: t.customers.credit.open });
  await dialog.getByLabel(t.customers.credit.amount).fill("3");
  await expect(dialog.getByText("$5.00")).toBeVisible();
  await dialog.getByLabel(t.customers.credit.reason).fill("made good");
  await dialog.getByRole("button", { name: t.customers.credit.book }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText("$5.00", { exact: true })).toBeVisible();
  expect((await call(hub, key, "sandbox/chat")).status).toBe(200);

  const allow = async (pattern: string, status: number) => {
    await page.getByRole("button", { name: t.customers.models.change }).click();
    const models = page.getByRole("dialog", { name: /^Models of/ });
    await models.getByLabel(t.customers.models.label).fill(pattern);
    await expect(models.getByText(/^\d+ of \d+ models/)).toBeVisible();
    await models.getByRole("button", { name: t.customers.models.save }).click();
    await expect(models).toBeHidden();
    await expect(page.getByText(pattern, { exact: true }).first()).toBeVisible();
    await expect.poll(async () => (await call(hub, key, "sandbox/chat")).status).toBe(status);
  };
  await allow("sandbox/im*", 403);
  await expect(page.getByText("sandbox/image", { exact: true })).toBeVisible();
  await allow("sandbox/*", 200);

  await page.getByRole("button", { name: t.customers.freeze.freeze }).click();
  const freeze = page.getByRole("dialog", { name: /^Freeze the balance/ });
  await freeze.getByLabel(t.customers.reason).fill("odd calls");
  await freeze.getByRole("button", { name: t.customers.freeze.freeze }).click();
  await expect(page.getByText(t.customers.freezeReasons.admin)).toBeVisible();
  await expect.poll(async () => (await call(hub, key, "sandbox/chat")).status).toBe(403);

  await page.getByRole("button", { name: t.customers.suspend.suspend }).click();
  const question = page.getByRole("dialog", { name: /^Suspend Customer/ });
  await question.getByLabel(t.customers.reason).fill("abuse");
  await question.getByRole("button", { name: t.customers.suspend.suspend }).click();
  await expect(page.getByRole("dialog", { name: /Customer/ })).toBeHidden();
  await expect(page.getByRole("button", { name: t.customers.suspend.lift })).toBeVisible();
  await expect.poll(async () => (await call(hub, key, "sandbox/chat")).status).toBe(403);

  await page.goto(`/admin/audit?orgId=${orgId}`);
  const log = page.getByRole("table", { name: t.audit.title });
  await expect(log).toContainText("abuse");
  await expect(log).toContainText("made good");
});

test("a customer finds no administration, and support no settings to change", async ({ page, context, hub }) => {
  await signInStaff(context, hub, null);
  for (const path of PAGES) expect((await page.goto(`/admin${path}`))?.status(), path).toBe(404);
  await context.clearCookies();
  await signInStaff(context, hub, "support");
  expect((await page.goto("/admin/ledger"))?.status()).toBe(404);
  expect((await page.goto("/admin/models/new"))?.status()).toBe(404);
  await page.goto("/admin/settings");
  await expect(page.getByLabel(t.settings.instanceName)).toBeDisabled();
  await expect(page.getByRole("button", { name: t.settings.save })).toHaveCount(0);
});

function call(hub: HubUnderTest, key: string, model: string): Promise<Response> {
  return fetch(`${hub.url}/api/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 50, messages: [{ role: "user", content: "Hello" }] }),
  });
}
