import { execFile } from "node:child_process";
import { promisify } from "node:util";
import AxeBuilder from "@axe-core/playwright";
import type { Locator, Page } from "@playwright/test";
import { type SignedInMember, signInMember } from "@/e2e/support/member";
import type { HubUnderTest } from "@/e2e/support/setup";
import { expect, test } from "@/e2e/support/test";
import en from "@/messages/en.json" with { type: "json" };
import zh from "@/messages/zh.json" with { type: "json" };

const t = en.playground;

const composerOf = (page: Page) => page.getByRole("textbox", { name: t.composer.label, exact: true });
const answersOf = (page: Page) => page.getByRole("article", { name: "sandbox/chat" });
const chargeOf = (answer: Locator) => answer.locator("[data-charge-usd]");

async function openPlayground(page: Page, hub: HubUnderTest, creditUsd?: number): Promise<SignedInMember> {
  const member = await signInMember(page.context(), hub, creditUsd === undefined ? {} : { creditUsd });
  await page.goto(`/${member.slug}/playground?model=sandbox/chat`);
  await expect(composerOf(page)).toBeEnabled();
  return member;
}

async function say(page: Page, text: string): Promise<void> {
  await composerOf(page).fill(text);
  await composerOf(page).press("Enter");
}

/** The organisation's calls, newest first, as the operator sees them. */
async function requestsOf(hub: HubUnderTest, { orgId }: SignedInMember) {
  const response = await fetch(`${hub.url}/api/admin/v1/requests?orgId=${orgId}`, {
    headers: { authorization: `Bearer ${hub.managementKey}` },
  });
  const { data } = (await response.json()) as { data: Record<string, string>[] };
  return data;
}

test("you ask, the answer streams in, and what it cost is what the receipt says", async ({ page, hub }) => {
  const member = await openPlayground(page, hub);
  await say(page, "Is **this** `safe`? ![x](https://evil.example/a.png) <img src=x onerror=alert(1)>");
  const answer = answersOf(page);
  await expect(answer).toContainText("This is a simulated answer from the sandbox.");
  await expect(answer.locator("strong")).toHaveText("this");
  await expect(answer.locator("img")).toHaveCount(0);
  await expect(chargeOf(answer)).toHaveText(/^\$0\.0000\d+$/);
  await expect.poll(() => requestsOf(hub, member)).toHaveLength(1);
  const [receipt] = await requestsOf(hub, member);
  expect(await chargeOf(answer).getAttribute("data-charge-usd")).toBe(receipt?.priceUsd);
  expect(receipt).toMatchObject({ memberId: member.memberId, model: "sandbox/chat", outcome: "ok" });
  await expect(answer).toContainText(`${t.facts.provider}sandbox`);
});

test("you stop an answer, keep its part, and read what it cost", async ({ page, hub }) => {
  const member = await openPlayground(page, hub);
  await say(page, "word ".repeat(3_000));
  const answer = answersOf(page);
  await expect(answer).toContainText("You said: word word");
  await composerOf(page).press("Escape");
  await expect(answer).toContainText(/Stopped\. You were charged \$0\.\d+ for [\d,]+ tokens\./);
  const [receipt] = await requestsOf(hub, member);
  expect(receipt?.outcome).toBe("client_gone");
  expect(await chargeOf(answer).getAttribute("data-charge-usd")).toBe(receipt?.priceUsd);
});

test("you ask again for the same answer, and pay for both", async ({ page, hub }) => {
  const member = await openPlayground(page, hub);
  await say(page, "Hello");
  await expect(chargeOf(answersOf(page))).toBeVisible();
  await page.getByRole("button", { name: t.regenerate }).click();
  await expect(page.getByRole("button", { name: t.regenerate })).toBeVisible();
  await expect(answersOf(page)).toHaveCount(1);
  await expect.poll(() => requestsOf(hub, member)).toHaveLength(2);
});

test("the code you copy is the request you see, and runs as it stands", async ({ page, context, hub }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await openPlayground(page, hub);
  await page.getByRole("spinbutton", { name: t.parameters.maxTokens }).fill("9");
  await say(page, 'It\'s "quoted" and costs $HOME');
  await expect(answersOf(page)).toContainText(t.ended.length);
  await page.getByRole("button", { name: t.code.open }).click();
  await page.getByRole("tab", { name: "Node.js" }).click();
  await page.getByRole("dialog").getByRole("button", { name: t.code.copy }).click();
  const code = await page.evaluate(() => navigator.clipboard.readText());
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], {
    env: { ...process.env, AIGNE_API_KEY: hub.sandboxKey },
  });
  expect(stdout.trim()).toBe("This is a simulated answer from the sandbox. You");
});

test("without credit you read why, and where to add some", async ({ page, hub }) => {
  const { slug } = await openPlayground(page, hub, 0);
  await say(page, "Hello");
  const card = page.getByRole("alert").filter({ hasText: t.failure.credit.title });
  await expect(card).toContainText(t.ended.free);
  await expect(card.getByRole("link", { name: t.failure.addCredits })).toHaveAttribute("href", `/${slug}/billing`);
});

test("Enter that chooses a word of an input method does not send", async ({ page, hub }) => {
  await openPlayground(page, hub);
  await composerOf(page).fill("ni hao");
  await composerOf(page).dispatchEvent("keydown", { key: "Enter", isComposing: true, keyCode: 229 });
  await composerOf(page).press("Shift+Enter");
  await expect(composerOf(page)).toHaveValue("ni hao\n");
  await expect(page.getByRole("article")).toHaveCount(0);
});

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`on a desktop, ${colorScheme}`, () => {
    test.use({ colorScheme, viewport: { width: 1440, height: 900 } });

    test("everybody can use it, and the page breaks no rule of its own", async ({ page, hub }) => {
      const complaints = complaintsOf(page);
      await openPlayground(page, hub);
      await expectAccessible(page);
      await say(page, "```py\nprint(1)\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[link](https://example.com)");
      await expect(chargeOf(answersOf(page))).toBeVisible();
      await expectAccessible(page);
      await page.getByRole("combobox", { name: t.model.label.replace("{model}", "sandbox/chat") }).click();
      await expect(page.getByRole("option", { name: /sandbox\/chat/ })).toBeVisible();
      await expectAccessible(page);
      expect(complaints).toEqual([]);
    });
  });
}

test.describe("on a phone, in Chinese", () => {
  test.use({ locale: "zh", viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });

  test("it fits, and everybody can use it", async ({ page, hub }) => {
    const { slug } = await signInMember(page.context(), hub);
    await page.goto(`/${slug}/playground?model=sandbox/chat`);
    const composer = page.getByRole("textbox", { name: zh.playground.composer.label, exact: true });
    await composer.fill("你好");
    await page.getByRole("button", { name: zh.playground.composer.send }).tap();
    await expect(chargeOf(answersOf(page))).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("button", { name: zh.playground.parameters.title }).tap();
    await expect(
      page.getByRole("dialog").getByRole("textbox", { name: zh.playground.parameters.system }),
    ).toBeVisible();
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(
      0,
    );
  });
});

async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations).toEqual([]);
}

/** Console errors, broken content rules included, and what failed to load. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return complaints;
}
