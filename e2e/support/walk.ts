import { expect, type Locator } from "@playwright/test";
import type { Hand } from "@/e2e/support/hand";
import { mailTo } from "@/e2e/support/outbox";
import en from "@/messages/en.json" with { type: "json" };

/** The ways through the product, step by step as people take them, each with whichever hand. They begin at an address
 *  that somebody types or is given; from there on everything is pressed or typed. */

type Hub = { url: string; dataDir: string; output(): string };
export type Person = { name: string; email: string };
export type Priced = { cost: { input: string; output: string }; marginPercent: string };

export const PASSWORD = "correct horse battery staple";
export const CARD = "4242 4242 4242 4242";

export type Connection = { kind: string; baseUrl: string; apiKey: string };

/** From the address that `npm start` printed to a hub in service mode with an owner and a provider: the sandbox, or the
 *  one that `connection` names, which must pass its test. */
export async function setUp(
  hand: Hand,
  hub: Hub,
  owner: Person,
  starterCreditUsd: string,
  connection?: Connection,
): Promise<void> {
  const { page } = hand;
  const t = en.setup;
  await page.goto(/http:\/\/localhost:\d+\/setup\?token=\S+/.exec(hub.output())?.[0] ?? "");
  await hand.type(page.getByLabel(en.auth.name, { exact: true }), owner.name);
  await hand.type(page.getByLabel(en.auth.email), owner.email);
  await hand.type(page.getByLabel(en.auth.password), PASSWORD);
  const next = page.getByRole("button", { name: t.continue });
  await hand.press(next);
  await hand.press(page.getByRole("radio", { name: t.service }));
  await hand.type(page.getByLabel(t.starter), starterCreditUsd);
  await hand.press(next);
  await hand.type(page.getByLabel(t.orgName), "Operator");
  await hand.press(next);
  if (connection) {
    await hand.press(page.getByRole("radio", { name: t.own }));
    await choose(hand, page.getByRole("combobox", { name: t.kind }), connection.kind);
    await hand.type(page.getByLabel(t.baseUrl), connection.baseUrl);
    await hand.type(page.getByLabel(en.credential.apiKey, { exact: true }), connection.apiKey);
    await hand.press(page.getByRole("button", { name: t.testAndFinish }));
  } else {
    await hand.press(page.getByRole("radio", { name: t.sandbox }));
    await hand.press(page.getByRole("button", { name: t.finish }));
  }
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.doneTitle);
}

/** In the administration: a model that its one provider serves, at a margin on what it costs there. */
export async function addModel(
  hand: Hand,
  model: { id: string; upstreamModel: string; contextWindow: string; maxOutput: string },
  { cost, marginPercent }: Priced,
): Promise<void> {
  const { page } = hand;
  const t = en.admin.models;
  await hand.press(page.getByRole("link", { name: en.shell.admin.models, exact: true }));
  await hand.press(page.getByRole("link", { name: t.add }));
  await hand.type(page.getByLabel(t.id, { exact: true }), model.id);
  await hand.type(page.getByLabel(t.contextWindow), model.contextWindow);
  await hand.type(page.getByLabel(t.maxOutput), model.maxOutput);
  const offer = page.getByRole("group", { name: t.offerOf.replace("{number}", "1") });
  await hand.type(offer.getByLabel(t.upstreamModel), model.upstreamModel);
  await hand.type(offer.getByLabel(t.rates.input), cost.input);
  await hand.type(offer.getByLabel(t.rates.output), cost.output);
  await hand.type(page.getByLabel(t.margin), marginPercent);
  await hand.press(page.getByRole("button", { name: t.save }));
  await expect(page.getByText(t.savedModel.replace("{id}", model.id))).toBeVisible();
}

async function choose(hand: Hand, list: Locator, entry: string): Promise<void> {
  await hand.press(list);
  await hand.press(hand.page.getByRole("option", { name: entry, exact: true }));
}

/** In the administration: what the sandbox model costs, and the margin on it. */
export async function priceModel(hand: Hand, model: string, { cost, marginPercent }: Priced): Promise<void> {
  const { page } = hand;
  const t = en.admin.models;
  await hand.press(page.getByRole("link", { name: en.shell.admin.models, exact: true }));
  await hand.press(page.getByRole("link", { name: model, exact: true }));
  const offer = page.getByRole("group", { name: t.offerOf.replace("{number}", "1") });
  await hand.type(offer.getByLabel(t.rates.input), cost.input);
  await hand.type(offer.getByLabel(t.rates.output), cost.output);
  await choose(hand, page.getByRole("combobox", { name: t.pricing }), t.byMargin);
  await hand.type(page.getByLabel(t.margin), marginPercent);
  await hand.press(page.getByRole("button", { name: t.save }));
  await expect(page.getByText(t.savedModel.replace("{id}", model))).toBeVisible();
}

/** From /sign-up to the overview, by the code in the mail. Returns the organisation's slug. */
export async function signUp(hand: Hand, hub: Hub, { name, email }: Person): Promise<string> {
  const { page } = hand;
  const t = en.auth;
  await page.goto(`${hub.url}/sign-up`);
  await hand.type(page.getByLabel(t.name, { exact: true }), name);
  await hand.type(page.getByLabel(t.email), email);
  await hand.type(page.getByLabel(t.password), PASSWORD);
  await hand.press(page.getByRole("button", { name: t.signUp.submit }));
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.verify.title);
  const code = /^\d{6}$/m.exec(await mailTo(hub, email, "verify"))?.[0] ?? "";
  await hand.type(page.getByRole("textbox", { name: t.verify.code }), code);
  await hand.press(page.getByRole("button", { name: t.verify.submit, exact: true }));
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(en.overview.title);
  return new URL(page.url()).pathname.slice(1);
}

/** From the overview's checklist to the dialog that shows the key, which stays open and leads back. Returns the key. */
export async function createKey(hand: Hand): Promise<string> {
  const { page } = hand;
  const t = en.keys;
  await hand.press(page.getByRole("link", { name: en.overview.createKey }));
  await expect(page.getByRole("dialog").getByLabel(t.name, { exact: true })).toHaveValue(t.nameDefault);
  await hand.press(page.getByRole("dialog").getByRole("button", { name: t.create }));
  const shown = page.getByRole("dialog").getByText(/^aigne_sk_\w+$/);
  await expect(shown).toBeVisible();
  return (await shown.textContent()) ?? "";
}

/** From any page of the console, by the balance in its head, to the payment page of Stripe. */
export async function toPayment(hand: Hand, orgName: string, amount: string): Promise<void> {
  const { page } = hand;
  const t = en.billing;
  await hand.press(page.getByRole("link", { name: en.shell.balance.balance }));
  await hand.press(page.getByRole("button", { name: t.add }).first());
  const dialog = page.getByRole("dialog", { name: t.addTitle });
  await hand.press(dialog.getByRole("radio", { name: amount, exact: true }));
  const submit = t.submit.replace("{amount}", amount).replace("{org}", orgName);
  await hand.press(dialog.getByRole("button", { name: submit }));
  await expect(page.getByText("Simulation of Stripe")).toBeVisible();
}

/** On the payment page, with a card that succeeds; ends on the way back to the hub. */
export async function pay(hand: Hand): Promise<void> {
  await hand.type(hand.page.getByLabel("Card number or IBAN"), CARD);
  await hand.press(hand.page.getByRole("button", { name: /^Pay / }));
  await expect(hand.page.getByRole("heading", { level: 1 })).toHaveText(en.billing.return.title);
}

/** From any page of the console: asks `text` in the playground and waits for what it cost. Returns the cost, USD. */
export async function chat(hand: Hand, text: string): Promise<string> {
  const { page } = hand;
  await hand.press(page.getByRole("link", { name: en.shell.console.playground, exact: true }));
  await hand.type(page.getByRole("textbox", { name: en.playground.composer.label, exact: true }), text);
  await page.keyboard.press("Enter");
  const charge = page.getByRole("article", { name: "sandbox/chat" }).locator("[data-charge-usd]");
  await expect(charge).toBeVisible({ timeout: 30_000 });
  return (await charge.getAttribute("data-charge-usd")) ?? "";
}

export async function signOut(hand: Hand, name: string): Promise<void> {
  const { page } = hand;
  await hand.press(page.getByRole("button", { name: en.shell.account.replace("{name}", name) }));
  await hand.press(page.getByRole("menuitem", { name: en.shell.signOut }));
  await expect(page).toHaveURL(/\/sign-in$/);
}
