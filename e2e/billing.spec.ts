import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { signInMember } from "@/e2e/support/member";
import { expect, test } from "@/e2e/support/test";
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
    await expect(other.getByRole("row", { name: /Purchase/ })).toContainText("$50.00", { timeout: 500 });
  }).toPass();
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
