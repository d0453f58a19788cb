import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { test as base } from "@playwright/test";
import { assertHealthy } from "@/e2e/support/database";
import { mouse } from "@/e2e/support/hand";
import { type Hub, startHub } from "@/e2e/support/hub";
import { withSql } from "@/e2e/support/sql";
import { expect } from "@/e2e/support/test";
import { createKey, pay, setUp, signUp, toPayment } from "@/e2e/support/walk";
import { newId } from "@/lib/ids";
import en from "@/messages/en.json" with { type: "json" };

// The journeys of a customer one by one, on a hub that an operator has just set up, in as few presses as promised.

const OWNER = { name: "Olga", email: "olga@example.com" };
const MINUTE_MS = 60_000;

/** One hub for the customers' journeys of a process, set up as an operator does. */
const test = base.extend<object, { hub: Hub }>({
  hub: [
    async ({ browser }, use) => {
      const hub = await startHub();
      const context = await browser.newContext();
      await setUp(mouse(await context.newPage()), hub, OWNER, "0.5");
      await context.close();
      await use(hub);
      await hub.stop();
    },
    { scope: "worker", timeout: MINUTE_MS },
  ],
});
test.describe.configure({ mode: "default" });
test.slow();

test("you sign up and make your first call in six presses, and see it arrive", async ({ page, context, hub }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const hand = mouse(page);
  const started = performance.now();
  await signUp(hand, hub, somebody());
  await createKey(hand);
  const dialog = page.getByRole("dialog");
  await hand.press(dialog.getByRole("button", { name: en.keys.copyCode }));
  const command = await page.evaluate(() => navigator.clipboard.readText());
  await hand.press(dialog.getByRole("button", { name: en.keys.saved }));
  await expect(page.getByText(en.overview.steps.callWaiting)).toBeVisible();
  expect(hand.presses()).toBeLessThanOrEqual(6);

  // what was copied is pasted into a terminal as it stands
  const { stdout } = await promisify(execFile)("sh", ["-c", command]);
  expect(stdout).toContain("This is a simulated answer from the sandbox.");
  const settled = performance.now();
  await expect(page.getByText(/First call received in \d+ ms/)).toBeVisible();
  test.info().annotations.push({ type: "tick", description: `${Math.round(performance.now() - settled)} ms` });
  expect(performance.now() - started).toBeLessThan(MINUTE_MS);
  await expectHealthy(hub);
});

test("you buy credit in four presses before Stripe, from any page", async ({ page, hub }) => {
  const hand = mouse(page);
  await signUp(hand, hub, { ...somebody(), name: "Ben" });
  await page.getByRole("link", { name: en.shell.console.models, exact: true }).click();
  const before = hand.presses();
  await toPayment(hand, "Ben’s workspace", "$50.00");
  expect(hand.presses() - before).toBeLessThanOrEqual(4);
  await pay(hand);
  await expect(page.getByRole("status")).toContainText("$50.00 added. Balance $50.50", { timeout: 5_000 });
  await expectHealthy(hub);
});

test("you try a model in the playground in three presses, and the code you copy runs unchanged", async ({
  page,
  context,
  hub,
}) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const hand = mouse(page);
  await signUp(hand, hub, { ...somebody(), name: "Cleo" });
  const before = hand.presses();
  await hand.press(page.getByRole("link", { name: en.shell.console.models, exact: true }));
  await hand.press(page.getByRole("link", { name: en.models.tryModel.replace("{model}", "sandbox/chat") }));
  await hand.type(page.getByRole("textbox", { name: en.playground.composer.label, exact: true }), "Hello");
  await hand.press(page.getByRole("button", { name: en.playground.composer.send }));
  const answer = page.getByRole("article", { name: "sandbox/chat" });
  await expect(answer).toContainText("This is a simulated answer");
  expect(hand.presses() - before).toBeLessThanOrEqual(3);
  await expect(answer.locator("[data-charge-usd]")).toBeVisible();

  await hand.press(page.getByRole("button", { name: en.playground.code.open }));
  await hand.press(page.getByRole("tab", { name: "Node.js" }));
  await hand.press(page.getByRole("dialog").getByRole("button", { name: en.playground.code.copy }));
  const code = await page.evaluate(() => navigator.clipboard.readText());
  const env = { ...process.env, AIGNE_API_KEY: hub.sandboxKey };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], { env });
  expect(stdout).toContain("This is a simulated answer");
  await expectHealthy(hub);
});

function somebody() {
  return { name: "Ana", email: `${newId("x").slice(-10)}@example.com` };
}

async function expectHealthy(hub: Hub): Promise<void> {
  await withSql(hub, (sql) => assertHealthy(sql));
}
