import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { test as base } from "@playwright/test";
import { makeCustomer } from "@/e2e/support/customer";
import { assertHealthy } from "@/e2e/support/database";
import { keyboard, mouse } from "@/e2e/support/hand";
import { type Hub, startHub } from "@/e2e/support/hub";
import { SCREENS } from "@/e2e/support/pages";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import { withSql } from "@/e2e/support/sql";
import { expect } from "@/e2e/support/test";
import { addModel, createKey, pay, setUp, signUp, toPayment } from "@/e2e/support/walk";
import { formatExactUsd } from "@/lib/format-money";
import { newId } from "@/lib/ids";
import { parseUsd } from "@/lib/money";
import en from "@/messages/en.json" with { type: "json" };

// The journeys one by one: a customer's on a hub that an operator has just set up, in as few presses as promised, and the
// operator's, from an empty database to the margin of a call.

const MODEL = { id: "acme/text", upstreamModel: "text", contextWindow: "128000", maxOutput: "4096" };
const COST = { input: "100", output: "200" };
const OWNER = { name: "Olga", email: "olga@example.com" };
const MINUTE_MS = 60_000;
/** From the settling of the first call to its tick in the checklist. */
const TICK_MS = 2_000;

/** One hub for the customers' journeys of a process, set up as an operator does; and one that nobody has set up. */
const test = base.extend<{ empty: Hub }, { hub: Hub }>({
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
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the parameters, so an empty pattern is required
  empty: async ({}, use) => {
    const hub = await startHub();
    await use(hub);
    await hub.stop();
  },
});
test.describe.configure({ mode: "default" });
test.slow();

test("you sign up and make your first call in six presses, and see it arrive", async ({ page, context, hub }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const hand = mouse(page);
  const started = performance.now();
  const slug = await signUp(hand, hub, somebody());
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
  await untilSettled(hub, slug);
  const settled = performance.now();
  await expect(page.getByText(/First call received in \d+ ms/)).toBeVisible({ timeout: TICK_MS });
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

for (const [how, handOf, screen] of [
  ["with a mouse", mouse, SCREENS.desktop],
  ["with the keyboard alone, on a narrow screen", keyboard, { viewport: SCREENS.phone.viewport }],
] as const) {
  test(`you connect a provider, price a model at 20 % margin, and see what a call earned, ${how}`, async ({
    browser,
    empty,
  }) => {
    const upstream = await startOpenAISimulator();
    const started = performance.now();
    const operator = handOf(await (await browser.newContext(screen)).newPage());
    const { page: desk } = operator;
    // set-up takes no provider that does not pass its test
    await setUp(operator, empty, OWNER, "0", {
      kind: "OpenAI-compatible",
      baseUrl: upstream.baseUrl,
      apiKey: "sk-simulated",
    });
    await expect(desk.getByText("OpenAI-compatible answered the test.")).toBeVisible();
    await operator.press(desk.getByRole("link", { name: en.setup.openAdmin }));
    await addModel(operator, MODEL, { cost: COST, marginPercent: "20" });
    await expect(desk.getByRole("table", { name: en.admin.models.history })).toContainText("$240.00");
    expect(performance.now() - started).toBeLessThan(MINUTE_MS);

    // who pays for a call is somebody else
    const { slug, key } = await makeCustomer(empty, "25");
    const { prompt_tokens: input, completion_tokens: output, cost: charged } = await call(empty, key, MODEL.id);
    const cost = BigInt(input) * parseUsd(COST.input) + BigInt(output) * parseUsd(COST.output);
    const paid = (n: bigint) => (n + 999_999n) / 1_000_000n;
    const price = paid((cost * 120n) / 100n);
    expect(parseUsd(charged)).toBe(price);
    await untilSettled(empty, slug);

    await operator.press(desk.getByRole("link", { name: en.shell.admin.overview, exact: true }));
    const row = desk
      .getByRole("table", { name: en.admin.overview.byModel })
      .getByRole("row")
      .filter({ hasText: MODEL.id });
    // of a price that is a fifth above its cost, a sixth stays
    await expect(row.getByTitle(formatExactUsd(price - paid(cost), "en"), { exact: true })).toBeVisible();
    await expect(desk.getByText("16.7%").first()).toBeVisible();
    await expectHealthy(empty);
    await upstream.stop();
  });
}

/** A call is answered a moment before it is in the books. */
async function untilSettled(hub: Hub, slug: string): Promise<void> {
  const SETTLED = "SELECT count(*)::int AS calls FROM usage_event e JOIN org o ON o.id = e.org_id WHERE o.slug = $1";
  await withSql(hub, (sql) =>
    expect.poll(async () => (await sql.query<{ calls: number }>(SETTLED, [slug])).rows[0]?.calls).toBe(1),
  );
}

type Usage = { prompt_tokens: number; completion_tokens: number; cost: number };

async function call({ url }: Hub, key: string, model: string): Promise<Usage> {
  const response = await fetch(`${url}/api/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 50, messages: [{ role: "user", content: "Hello" }] }),
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return (JSON.parse(text) as { usage: Usage }).usage;
}

function somebody() {
  return { name: "Ana", email: `${newId("x").slice(-10)}@example.com` };
}

async function expectHealthy(hub: Hub): Promise<void> {
  await withSql(hub, (sql) => assertHealthy(sql));
}
