import { type Browser, test as base, expect, type Locator, type Page } from "@playwright/test";
import OpenAI from "openai";
import { assertHealthy } from "@/e2e/support/database";
import { type Hand, keyboard, mouse } from "@/e2e/support/hand";
import { type Hub, startHub } from "@/e2e/support/hub";
import { operatorApi } from "@/e2e/support/operator-api";
import { withSql } from "@/e2e/support/sql";
import { chat, createKey, pay, priceModel, setUp, signOut, signUp, toPayment } from "@/e2e/support/walk";
import { formatExactUsd, formatMoney } from "@/lib/format-money";
import { formatUsd, type Nano, parseUsd } from "@/lib/money";
import type { Receipt } from "@/lib/usage/schema";
import en from "@/messages/en.json" with { type: "json" };

// The whole product in one walk, from an empty database: an operator sets up a hub, a customer signs up, calls, buys and
// chats, and the operator finds exactly that in the books. Every sum is worked out here, from what was counted.

const test = base.extend<{ hub: Hub }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the parameters, so an empty pattern is required
  hub: async ({}, use) => {
    const hub = await startHub();
    await use(hub);
    await hub.stop();
  },
});

const MODEL = "sandbox/chat";
/** High and crooked, so that a few words cost cents and every amount has to be rounded. */
const PRICED = { cost: { input: "900.5", output: "1700.123457" }, marginPercent: "20" };
const STARTER = "0.5";

for (const [how, handOf] of [
  ["with a mouse", mouse],
  ["with the keyboard alone", keyboard],
] as const) {
  test(`you set up a hub, sell 25 dollars, serve calls, and the books say so exactly, ${how}`, async ({
    browser,
    hub,
  }) => {
    test.setTimeout(180_000);
    await walk(browser, hub, handOf);
  });
}

async function walk(browser: Browser, hub: Hub, handOf: (page: Page) => Hand): Promise<void> {
  const open = async () => handOf(await (await browser.newContext()).newPage());
  const operator = await open();
  const { page: desk } = operator;
  await test.step("the operator sets up the hub and prices the sandbox", async () => {
    await setUp(operator, hub, { name: "Olga", email: "olga@example.com" }, STARTER);
    await operator.press(desk.getByRole("link", { name: en.setup.openAdmin }));
    await priceModel(operator, MODEL, PRICED);
  });

  const customer = await open();
  const { page } = customer;
  const orgName = "Ana’s workspace";
  const pill = page.getByRole("link", { name: en.shell.balance.balance });
  const slug = await test.step("a customer signs up and finds starter credit", async () => {
    const made = await signUp(customer, hub, { name: "Ana", email: "ana@example.com" });
    await expect(pill).toContainText("$0.50");
    return made;
  });
  const { data: orgs } = await operatorApi<{ data: { id: string; slug: string }[] }>(hub, "/orgs");
  const orgId = orgs.find((org) => org.slug === slug)?.id ?? "";

  const body = { model: MODEL, max_tokens: 20, messages: [{ role: "user" as const, content: "Hello" }] };
  const { client, whole } = await test.step("makes a key, and calls with the official SDK", async () => {
    const apiKey = await createKey(customer);
    const client = new OpenAI({ apiKey, baseURL: `${hub.url}/api/v1`, maxRetries: 0 });
    const whole = await client.chat.completions.create(body);
    expect(costOf(whole.usage)).toBe(priceOf(whole.usage));
    await customer.press(page.getByRole("dialog").getByRole("button", { name: en.keys.saved }));
    return { client, whole };
  });

  await test.step("reads a receipt whose arithmetic is right", async () => {
    await customer.press(page.getByRole("link", { name: en.shell.console.activity, exact: true }));
    await customer.press(page.getByRole("link", { name: en.activity.requests, exact: true }));
    const list = page.getByRole("table", { name: en.activity.list });
    await expect(list.getByRole("row")).toHaveCount(2);
    await customer.press(list.getByRole("link").first());
    const receipt = page.getByRole("figure", { name: en.receipt.label.replace("{model}", MODEL) });
    await expectArithmetic(receipt);
    await customer.press(page.getByRole("dialog").getByRole("button", { name: en.ui.close }));
  });

  // starter credit pays for one call a second, which have passed meanwhile
  await test.step("calls again, streaming, and finds that call too", async () => {
    let last: OpenAI.CompletionUsage | null | undefined;
    const stream = await client.chat.completions.create({
      ...body,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      last = chunk.usage;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(costOf(last)).toBe(priceOf(last));
    await customer.press(page.getByRole("link", { name: en.shell.console.activity, exact: true }));
    await customer.press(page.getByRole("link", { name: en.activity.requests, exact: true }));
    await expect(page.getByRole("table", { name: en.activity.list }).getByRole("row")).toHaveCount(3);
  });

  await test.step("buys 25 dollars and sees 25 dollars more, by itself", async () => {
    const before = await availableOf(hub, orgId);
    await toPayment(customer, orgName, "$25.00");
    await pay(customer);
    const after = formatMoney(before + parseUsd("25"), "en", "toward-zero");
    await expect(page.getByRole("status")).toContainText(`$25.00 added. Balance ${after}`);
    await expect(pill).toContainText(after);
    expect(await availableOf(hub, orgId)).toBe(before + parseUsd("25"));
  });

  await test.step("chats in the playground, and signs out", async () => {
    // long enough to use up the starter credit and to begin with the purchased one
    const charged = await chat(customer, "word ".repeat(400));
    const [call] = await receiptsOf(hub, orgId);
    expect(charged).toBe(call?.priceUsd);
    await signOut(customer, "Ana");
  });

  await test.step("the operator sees exactly that", async () => {
    const { cashIn, revenue, cost, margin, promo, liability } = await expectedFigures(hub, orgId);
    await operator.press(desk.getByRole("link", { name: en.shell.admin.overview, exact: true }));
    const t = en.admin.overview;
    for (const [label, amount] of [
      [t.cashIn, cashIn],
      [t.revenue, revenue],
      [t.cost, cost],
      [t.margin, margin],
      [t.promo, promo],
      [t.liability, liability],
    ] as const) {
      await expect(figureOf(desk, label), label).toHaveAttribute("title", formatExactUsd(amount, "en"));
    }
    const row = desk.getByRole("table", { name: t.byCustomer }).getByRole("row").filter({ hasText: orgName });
    await expect(row.getByTitle(formatExactUsd(revenue, "en"), { exact: true })).toBeVisible();
    await expect(row.getByTitle(formatExactUsd(margin, "en"), { exact: true })).toBeVisible();
    await operator.press(desk.getByRole("link", { name: en.shell.admin.ledger, exact: true }));
    await expect(desk.getByText(en.admin.ledger.balanced)).toBeVisible();
  });
  await withSql(hub, (sql) => assertHealthy(sql));
}

/** By hand: tokens times nano-USD per million, rounded up once per call. */
function priceOf(usage: OpenAI.CompletionUsage | null | undefined, { cost, marginPercent } = PRICED): Nano {
  const rate = (usd: string) => (parseUsd(usd) * (100n + BigInt(marginPercent))) / 100n;
  return amountOf(usage, rate(cost.input), rate(cost.output));
}

function amountOf(usage: OpenAI.CompletionUsage | null | undefined, input: Nano, output: Nano): Nano {
  const exact = BigInt(usage?.prompt_tokens ?? 0) * input + BigInt(usage?.completion_tokens ?? 0) * output;
  expect(exact).toBeGreaterThan(0n);
  return (exact + 999_999n) / 1_000_000n;
}

/** What the answer itself says it cost. */
function costOf(usage: OpenAI.CompletionUsage | null | undefined): Nano {
  return parseUsd((usage as unknown as { cost: number }).cost);
}

/** What the operator must see: from the calls' receipts, whose own price and cost are worked out again from the tokens. */
async function expectedFigures(hub: Hub, orgId: string) {
  const figures = { revenue: 0n, cost: 0n, promo: 0n, promoCost: 0n };
  for (const { inputTokens, outputTokens, priceUsd, costUsd, promoUsd } of await receiptsOf(hub, orgId)) {
    const usage = { prompt_tokens: inputTokens, completion_tokens: outputTokens } as OpenAI.CompletionUsage;
    const price = priceOf(usage);
    const cost = amountOf(usage, parseUsd(PRICED.cost.input), parseUsd(PRICED.cost.output));
    const promo = parseUsd(promoUsd);
    expect([priceUsd, costUsd]).toEqual([formatUsd(price), formatUsd(cost)]);
    figures.revenue += price - promo;
    figures.cost += cost;
    figures.promo += promo;
    // of a call that two kinds of credit paid, the share that promotion paid, rounded half up
    figures.promoCost += (2n * cost * promo + price) / (2n * price);
  }
  expect(figures.promo, "the starter credit is used up").toBe(parseUsd(STARTER));
  expect(figures.revenue).toBeGreaterThan(0n);
  const cashIn = parseUsd("25");
  const liability = cashIn - figures.revenue;
  expect(await availableOf(hub, orgId)).toBe(liability);
  return { ...figures, cashIn, liability, margin: figures.revenue - (figures.cost - figures.promoCost) };
}

/** The organisation's calls with their receipts, newest first. */
async function receiptsOf(hub: Hub, orgId: string): Promise<Receipt[]> {
  const { data } = await operatorApi<{ data: { id: string }[] }>(hub, `/requests?orgId=${orgId}`);
  return Promise.all(data.map(({ id }) => operatorApi<Receipt>(hub, `/requests/${id}`)));
}

async function availableOf(hub: Hub, orgId: string): Promise<Nano> {
  return parseUsd((await operatorApi<{ availableUsd: string }>(hub, `/orgs/${orgId}/wallet`)).availableUsd);
}

/** The amount of a key figure; its title has every digit. */
function figureOf(page: Page, label: string): Locator {
  const figure = page.getByText(label, { exact: true }).locator("xpath=ancestor-or-self::dt/..");
  return figure.locator("dd").first().locator("[title]");
}

/** Each line is quantity times rate, and the total is their sum, as anybody can check with pencil and paper. */
async function expectArithmetic(receipt: Locator): Promise<void> {
  const lines = receipt.locator("tbody").getByRole("row");
  await expect(lines).toHaveCount(2);
  let exact = 0n;
  for (const row of await lines.all()) {
    const [quantity = "", rate = "", amount = ""] = await row.getByRole("cell").allTextContents();
    const line = BigInt(quantity.replace(/\D/g, "")) * dollars(rate);
    exact += line;
    expect(dollars(amount)).toBe((line + 500_000n) / 1_000_000n);
  }
  const total = (await receipt.locator("tfoot").getByRole("cell").last().textContent()) ?? "";
  expect(dollars(total)).toBe((exact + 999_999n) / 1_000_000n);
  const [, held = "", released = ""] = /held (\S+) · released (\S+)/.exec((await receipt.textContent()) ?? "") ?? [];
  expect(dollars(held) - dollars(released.replace(/price$/, ""))).toBe(dollars(total));
}

function dollars(text: string): Nano {
  return parseUsd(/\$([\d,.]*\d)/.exec(text)?.[1]?.replaceAll(",", "") ?? "");
}
