import type { Page } from "@playwright/test";
import { assertHealthy } from "@/e2e/support/database";
import { mouse } from "@/e2e/support/hand";
import { signInMember } from "@/e2e/support/member";
import { withSql } from "@/e2e/support/sql";
import { signInStaff } from "@/e2e/support/staff";
import { expect, test } from "@/e2e/support/test";
import { pay, toPayment } from "@/e2e/support/walk";
import en from "@/messages/en.json" with { type: "json" };

// The operator gives money back in the panel, against the simulation of Stripe.

const { payment, refund } = en.admin.customers;

test("you refund a part at once; a large refund waits for a colleague, and both reach the customer", async ({
  page,
  context,
  browser,
  hub,
}) => {
  test.slow();
  const { orgId, slug } = await signInMember(context, hub, { creditUsd: 0 });
  await page.goto(`/${slug}`);
  const hand = mouse(page);
  await toPayment(hand, "Acme", "$500.00");
  await pay(hand);
  await expect(page.getByRole("status")).toContainText("$500.00 added");

  const desks = [await deskOf(), await deskOf()] as const;
  const [desk, colleague] = desks;
  await ask(desk, "20", "one double charge");
  await expectRefund(desk, `$20.00 ${payment.refundStates.succeeded}`);
  await expect(desk.getByRole("definition").filter({ hasText: /^\$480\.00$/ })).toBeVisible();

  await ask(desk, "480", "leaves us");
  await expect(paymentsOf(desk)).toContainText(`$480.00 ${payment.refundStates.proposed}`);
  // who proposed it has no second word
  await desk.getByRole("button", { name: payment.approve }).click();
  await expect(desk.getByRole("alert").filter({ hasText: /./ }).first()).toBeVisible();
  await expectRefund(desk, `$480.00 ${payment.refundStates.proposed}`);

  await expectRefund(colleague, `$480.00 ${payment.refundStates.proposed}`);
  await colleague.getByRole("button", { name: payment.approve }).click();
  await expectRefund(colleague, `$480.00 ${payment.refundStates.succeeded}`);
  await expect(paymentsOf(colleague)).toContainText(payment.states.refunded);

  await page.goto(`/${slug}/billing`);
  const history = page.getByRole("table", { name: en.billing.history });
  await expect(history.getByRole("row", { name: /Refund/ })).toHaveCount(2);
  await expect(page.getByRole("link", { name: en.shell.balance.balance })).toContainText("$0.00");
  await withSql(hub, (sql) => assertHealthy(sql, orgId));

  async function deskOf(): Promise<Page> {
    const own = await browser.newContext({ baseURL: hub.url });
    await signInStaff(own, hub, "owner");
    const desk = await own.newPage();
    await desk.goto(`/admin/customers/${orgId}`);
    return desk;
  }
});

function paymentsOf(desk: Page) {
  return desk.getByRole("table", { name: payment.caption });
}

async function ask(desk: Page, amountUsd: string, reason: string): Promise<void> {
  await paymentsOf(desk).getByRole("button", { name: refund.open }).click();
  // a toast is a dialog too
  const dialog = desk.getByRole("dialog", { name: refund.title.split("<")[0] });
  await dialog.getByLabel(refund.amount).fill(amountUsd);
  await dialog.getByLabel(refund.reason).fill(reason);
  await dialog.getByRole("button", { name: refund.confirm, exact: true }).click();
  await expect(dialog).toBeHidden();
}

/** The worker speaks to Stripe meanwhile. */
async function expectRefund(desk: Page, text: string): Promise<void> {
  await expect(async () => {
    await desk.reload();
    await expect(paymentsOf(desk)).toContainText(text, { timeout: 500 });
  }).toPass();
}
