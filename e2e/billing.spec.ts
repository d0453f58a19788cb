import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { assertHealthy } from "@/e2e/support/database";
import { signInMember } from "@/e2e/support/member";
import { operatorApi } from "@/e2e/support/operator-api";
import type { HubUnderTest } from "@/e2e/support/setup";
import { withSql } from "@/e2e/support/sql";
import { expect, test } from "@/e2e/support/test";
import { newId } from "@/lib/ids";
import en from "@/messages/en.json" with { type: "json" };

// Buying credit in a browser, against the simulation of Stripe that the hub itself has started.

const { billing } = en;

async function toPayment(page: Page, slug: string, amount: string): Promise<void> {
  await page.goto(`/${slug}/billing`);
  await page.getByRole("button", { name: billing.add }).first().click();
  const dialog = page.getByRole("dialog", { name: billing.addTitle });
  await dialog.getByText(amount, { exact: true }).click();
  await dialog.getByRole("button", { name: `Add ${amount} to Acme` }).click();
  await expect(page.getByText("Simulation of Stripe")).toBeVisible();
}

async function payWith(page: Page, number: string): Promise<void> {
  await page.getByLabel("Card number or IBAN").fill(number);
  await page.getByRole("button", { name: /^Pay / }).click();
}

/** The balance rises without anybody following the way back. */
async function expectPurchase(page: Page, slug: string, amount: string): Promise<void> {
  await expect(async () => {
    await page.goto(`/${slug}/billing`);
    const history = page.getByRole("table", { name: billing.history });
    await expect(history.getByRole("row", { name: /Purchase/ })).toContainText(amount, { timeout: 500 });
  }).toPass();
}

function deliver(hub: HubUnderTest, body: string, signature: string): Promise<Response> {
  const headers = { "content-type": "application/json", "stripe-signature": signature };
  return fetch(`${hub.url}/api/webhooks/stripe`, { method: "POST", headers, body });
}

function sign(body: string, secret: string, ageSeconds = 0): string {
  const at = Math.floor(Date.now() / 1000) - ageSeconds;
  return `t=${at},v1=${createHmac("sha256", secret).update(`${at}.${body}`).digest("hex")}`;
}

/** As the hub derives it for its own simulation of Stripe. */
function webhookSecret(hub: HubUnderTest): string {
  const pepper = readFileSync(join(hub.dataDir, "secrets/HUB_KEY_PEPPER"), "utf8").trim();
  return `whsec_${createHmac("sha256", pepper).update("stripe-simulator webhook").digest("hex")}`;
}

test("you buy 25 dollars and see 25 dollars more, by itself", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 5 });
  await toPayment(page, slug, "$25.00");
  await payWith(page, "4242 4242 4242 4242");
  await expect(page.getByRole("status")).toContainText("$25.00 added. Balance $30.00");
  await page.getByRole("link", { name: billing.return.toBilling }).click();
  const history = page.getByRole("table", { name: billing.history });
  await expect(history.getByRole("row", { name: /Purchase/ })).toContainText("$25.00");
  const receipt = history.getByRole("link", { name: billing.receipt });
  expect(await receipt.getAttribute("href")).toMatch(/\/__stripe\/receipt\//);
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
});

test("a declined card charges nothing, and the next one pays", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 0 });
  await toPayment(page, slug, "$10.00");
  await payWith(page, "4000 0000 0000 0002");
  await expect(page.getByRole("alert")).toContainText("Nothing was charged.");
  await payWith(page, "4000 0025 0000 3155");
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.getByRole("status")).toContainText("$10.00 added. Balance $10.00");
});

test("you come back without paying: no charge, and the amount is kept", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 0 });
  await toPayment(page, slug, "$100.00");
  await page.getByRole("link", { name: "Back without paying" }).click();
  await expect(page.getByText(billing.cancelled)).toBeVisible();
  await expect(page.getByText(billing.empty)).toBeVisible();
  await page.getByRole("button", { name: billing.add }).first().click();
  await expect(page.getByRole("button", { name: "Add $100.00 to Acme" })).toBeVisible();
});

test("the tab is closed at the bank: the credit comes all the same", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 0 });
  await toPayment(page, slug, "$50.00");
  // the payment is made, and nobody follows the way back
  await page.route("**/billing/return/**", (route) => route.abort());
  await payWith(page, "4242 4242 4242 4242").catch(() => {});
  const other = await context.newPage();
  await expect(async () => {
    await other.goto(`/${slug}/billing`);
    const history = other.getByRole("table", { name: billing.history });
    await expect(history.getByRole("row", { name: /Purchase/ })).toContainText("$50.00", { timeout: 500 });
  }).toPass();
});

test("the webhook comes before the return page, which then says so at once", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 0 });
  await toPayment(page, slug, "$25.00");
  await page.route("**/billing/return/**", (route) => route.abort());
  const returning = page.waitForRequest("**/billing/return/**");
  await payWith(page, "4242 4242 4242 4242").catch(() => {});
  const back = (await returning).url();
  const other = await context.newPage();
  await expectPurchase(other, slug, "$25.00");
  await page.unroute("**/billing/return/**");
  await page.goto(back);
  await expect(page.getByRole("status")).toContainText("$25.00 added. Balance $25.00");
});

test("a bank debit is pending until the bank reports, then it is credit", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 1 });
  await toPayment(page, slug, "$10.00");
  await payWith(page, "DE89370400440532013000");
  await expect(page.getByRole("status")).toContainText(billing.return.pending);
  const other = await context.newPage();
  await other.goto(`/${slug}/billing`);
  await expect(other.getByRole("status").filter({ hasText: billing.pending })).toContainText("$10.00");
  await expect(page.getByRole("status")).toContainText("$10.00 added. Balance $11.00", { timeout: 30_000 });
});

test("a bank debit that fails says so and changes nothing", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 1 });
  await toPayment(page, slug, "$10.00");
  await payWith(page, "DE62370400440532013001");
  await expect(page.getByRole("status")).toContainText(billing.return.failed, { timeout: 30_000 });
  await page.goto(`/${slug}/billing`);
  await expect(page.getByText("$1.00").first()).toBeVisible();
  await expect(page.getByRole("row", { name: /Purchase/ })).toHaveCount(0);
});

test("forged webhooks are refused, and the same true one ten times is one credit", async ({ page, context, hub }) => {
  const { slug, orgId } = await signInMember(context, hub, { creditUsd: 0 });
  await toPayment(page, slug, "$25.00");
  await page.route("**/billing/return/**", (route) => route.abort());
  const session = new URL(page.url()).pathname.split("/").at(-1);
  const event = (id: string) =>
    JSON.stringify({
      ...{ id, object: "event", type: "checkout.session.completed", livemode: false },
      data: {
        object: {
          id: session,
          object: "checkout.session",
          client_reference_id: orgId,
          amount_total: 9_900_000,
          payment_status: "paid",
        },
      },
    });
  const forged = event(newId("evt"));
  for (const signature of ["", sign(forged, "whsec_guessed"), sign(forged, webhookSecret(hub), 301)]) {
    expect((await deliver(hub, forged, signature)).status).toBe(400);
  }
  // signed, yet claiming a payment that nobody made: Stripe is asked, and knows of none
  expect((await deliver(hub, forged, sign(forged, webhookSecret(hub)))).status).toBe(200);
  await payWith(page, "4242 4242 4242 4242").catch(() => {});
  const again = event(newId("evt"));
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => deliver(hub, again, sign(again, webhookSecret(hub)))),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
  const other = await context.newPage();
  await expectPurchase(other, slug, "$25.00");
  await expect(other.getByRole("table", { name: billing.history }).getByRole("row", { name: /Purchase/ })).toHaveCount(
    1,
  );
  // the amount, and the balance after it
  await expect(other.getByRole("row", { name: /Purchase.*\$25\.00.*\$25\.00/ })).toBeVisible();
});

test("what is unspent of a purchase can be taken back", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 2 });
  await toPayment(page, slug, "$25.00");
  await payWith(page, "4242 4242 4242 4242");
  await expect(page.getByRole("status")).toContainText("$25.00 added. Balance $27.00");
  await page.getByRole("link", { name: billing.return.toBilling }).click();
  await page.getByRole("button", { name: "Refund $25.00" }).click();
  const question = page.getByRole("dialog", { name: "Refund $25.00?" });
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  await question.getByRole("button", { name: "Refund $25.00" }).click();
  await expect(question).toBeHidden();
  await expect(async () => {
    await page.reload();
    const history = page.getByRole("table", { name: billing.history });
    await expect(history.getByRole("row", { name: /Refund/ })).toContainText("$2.00", { timeout: 500 });
    const purchases = page.getByRole("table", { name: billing.purchases });
    await expect(purchases).toContainText(billing.states.refunded, { timeout: 500 });
  }).toPass();
});

test("below your threshold your card is charged, once its bank has your confirmation", async ({
  page,
  context,
  hub,
}) => {
  const { orgId, slug } = await signInMember(context, hub, { creditUsd: 5 });
  const { auto } = billing;
  await page.goto(`/${slug}/billing`);
  await expect(page.getByText(auto.states.off)).toBeVisible();
  await page.getByLabel(auto.fields.dailyCapUsd.label).fill("20");
  await page.getByRole("button", { name: auto.turnOn }).click();
  await expect(page.getByText(auto.fields.dailyCapUsd.refused)).toBeVisible();
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  await page.getByLabel(auto.fields.dailyCapUsd.label).fill("50");
  await page.getByRole("button", { name: auto.turnOn }).click();
  await page.getByLabel("Card number or IBAN").fill("4000 0027 6000 3184");
  await page.getByRole("button", { name: "Save card" }).click();
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.getByText("On, charging visa 3184.")).toBeVisible();

  const { key } = await operatorApi<{ key: string }>(hub, `/orgs/${orgId}/keys`, {
    method: "POST",
    body: { name: "app" },
  });
  await fetch(`${hub.url}/api/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "sandbox/chat", messages: [{ role: "user", content: "Hello" }] }),
  });
  const confirm = page.getByRole("button", { name: auto.confirm });
  await expect(async () => {
    await page.goto(`/${slug}/billing`);
    await expect(confirm).toBeVisible({ timeout: 500 });
  }).toPass();
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  await confirm.click();
  await expect(page.getByText("$25.00 for 25 USD API credit")).toBeVisible();
  await page.getByRole("button", { name: "Confirm" }).click();
  await expect(page.getByRole("status")).toContainText("$25.00 added. Balance $29.99");
  await page.getByRole("link", { name: billing.return.toBilling }).click();
  await expect(page.getByText("$25.00 of $50.00 today, $25.00 of $500.00 this month (UTC).")).toBeVisible();
  await page.getByRole("button", { name: auto.turnOff }).click();
  await expect(page.getByText(auto.states.off)).toBeVisible();
  await withSql(hub, (sql) => assertHealthy(sql, orgId));
});

test("another amount is checked before anybody leaves the page", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub);
  await page.goto(`/${slug}/billing`);
  await page.getByRole("button", { name: billing.add }).first().click();
  await page.getByText(billing.custom, { exact: true }).click();
  const amount = page.getByLabel(billing.customAmount);
  await amount.fill("4");
  await amount.press("Enter");
  await expect(page.getByText("Whole dollars from $5.00 to $25,000.00.")).toBeVisible();
  await expect(amount).toHaveAttribute("aria-invalid", "true");
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  await amount.fill("7");
  await amount.press("Enter");
  await expect(page.getByText("Simulation of Stripe")).toBeVisible();
  await expect(page.getByRole("button", { name: "Pay $7.00" })).toBeVisible();
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
});

test("an amount says how many tokens it buys of what you call most", async ({ page, context, hub }) => {
  const { orgId, slug } = await signInMember(context, hub);
  await page.goto(`/${slug}/billing`);
  await page.getByRole("button", { name: billing.add }).first().click();
  await expect(page.getByRole("dialog")).not.toContainText("tokens of");

  const { key } = await operatorApi<{ key: string }>(hub, `/orgs/${orgId}/keys`, {
    method: "POST",
    body: { name: "app" },
  });
  const answer = await fetch(`${hub.url}/api/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "sandbox/chat", messages: [{ role: "user", content: "Hello" }] }),
  });
  const { usage } = (await answer.json()) as { usage: { total_tokens: number; cost: number } };
  const tokens = (25 * usage.total_tokens) / usage.cost;
  const shown = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 2 }).format(tokens);
  await expect(async () => {
    await page.goto(`/${slug}/billing`);
    await page.getByRole("button", { name: billing.add }).first().click();
    await expect(page.getByRole("dialog")).toContainText(`≈ ${shown} tokens of sandbox/chat`, { timeout: 1_000 });
  }).toPass();
  await withSql(hub, (sql) => assertHealthy(sql, orgId));
});

test("a developer is told who may buy", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { role: "developer" });
  await page.goto(`/${slug}/billing`);
  await expect(page.getByText(billing.who)).toBeVisible();
  await expect(page.getByRole("button", { name: billing.add })).toHaveCount(0);
});

test.describe("on a phone in Chinese", () => {
  test.use({
    viewport: { width: 360, height: 740 },
    isMobile: true,
    hasTouch: true,
    locale: "zh",
    colorScheme: "dark",
  });

  test("the page fits and reads", async ({ page, context, hub }) => {
    const { slug } = await signInMember(context, hub);
    await page.goto(`/${slug}/billing`);
    await expect(page.locator("h1")).toBeVisible();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });
});

test("what the credit is made of, and the history as a file", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 3 });
  await page.goto(`/${slug}/billing`);
  const lot = page.getByRole("table", { name: billing.lots.title }).getByRole("row").nth(1);
  await expect(lot).toContainText(billing.lots.kinds.comp);
  await expect(lot).toContainText(billing.lots.never);
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: billing.csv, exact: true }).click(),
  ]);
  const [head, first] = (await readFile(await file.path(), "utf8")).split("\r\n");
  expect(head).toBe("at,kind,amount_usd,balance_after_usd,purchase,receipt");
  expect(first).toMatch(/,comp,3,3,,$/);
});

test("without credit every page says so", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { creditUsd: 0 });
  for (const path of ["", "/keys", "/billing"]) {
    await page.goto(`/${slug}${path}`);
    await expect(page.getByText(billing.empty)).toBeVisible();
  }
});
