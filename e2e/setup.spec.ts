import { execFileSync } from "node:child_process";
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { type Hub, startHub } from "@/e2e/support/hub";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import en from "@/messages/en.json" with { type: "json" };
import ja from "@/messages/ja.json" with { type: "json" };

// Empty hubs of their own, each set up once.

const t = en.setup;
const PASSWORD = "correct horse battery staple";

test("while the hub has no owner, pages lead to set-up, and only the printed address opens it", async ({ page }) => {
  await withHub({}, async (hub) => {
    await page.goto(`${hub.url}/sign-in`);
    await expect(page).toHaveURL(/\/setup$/);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.tokenTitle);
    await page.goto(`${hub.url}/`);
    await expect(page).toHaveURL(`${hub.url}/`);

    await page.goto(`${hub.url}/setup`);
    await page.getByLabel(t.token).fill("a-token-that-nobody-printed");
    await page.getByRole("button", { name: t.continue }).click();
    await expect(page.getByText(en.auth.fields.token)).toBeVisible();
    await expectAccessible(page);

    const address = setupAddress(hub);
    await page.goto(address);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.title);
    await expectAccessible(page);

    // the language switches at once, and keeps what was typed
    await page.getByLabel(en.auth.name, { exact: true }).fill("Olga");
    await page.getByRole("combobox", { name: t.language }).click();
    await page.getByRole("option", { name: "日本語" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(ja.setup.title);
    await expect(page.getByLabel(ja.auth.name, { exact: true })).toHaveValue("Olga");
    await page.getByRole("combobox", { name: ja.setup.language }).click();
    await page.getByRole("option", { name: "English" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.title);

    await page.getByLabel(en.auth.email).fill("olga@example.com");
    await page.getByLabel(en.auth.password).fill("password1234");
    await expect(page.getByText(en.auth.strength.common)).toBeVisible();
    await page.getByRole("button", { name: t.continue }).click();
    await expect(page.getByText(en.auth.fields.password)).toBeVisible();
    await page.getByLabel(en.auth.password).fill(PASSWORD);
    await page.getByRole("button", { name: t.continue }).click();

    await expect(page.getByRole("heading", { level: 2 })).toHaveText(t.mode);
    await expect(page.getByText(t.payments.simulated)).toBeVisible();
    await page.getByLabel(t.starter).fill("9");
    await page.getByRole("button", { name: t.continue }).click();
    await expect(page.getByText("must be at most 5 USD")).toBeVisible();
    await page.getByLabel(t.starter).fill("0.25");
    await expectAccessible(page);
    await page.getByRole("button", { name: t.continue }).click();

    await expect(page.getByLabel(t.timeZone)).not.toHaveValue("");
    await page.getByLabel(t.orgName).fill("Operator");
    await page.getByRole("button", { name: t.continue }).click();
    await page.getByRole("button", { name: t.back }).click();
    await expect(page.getByLabel(t.orgName)).toHaveValue("Operator");
    await page.getByRole("button", { name: t.continue }).click();

    const upstream = await startOpenAISimulator();
    await page.getByRole("radio", { name: t.own }).check();
    await page.getByRole("combobox", { name: t.kind }).click();
    await page.getByRole("option", { name: "OpenAI-compatible" }).click();
    await expectAccessible(page);
    await page.getByRole("button", { name: t.testAndFinish }).click();
    await expect(page.getByText(/baseUrl: is required/)).toBeVisible();
    await page.getByLabel(t.baseUrl).fill(upstream.baseUrl);
    await page.getByLabel(en.credential.apiKey, { exact: true }).fill("sk-bad");
    await page.getByRole("button", { name: t.testAndFinish }).click();
    await expect(page.getByRole("alert").getByText(/did not pass the test: HTTP 401/)).toBeVisible();
    // nothing was kept of it, and nobody owns the hub yet
    await expect(page.getByLabel(t.baseUrl)).toHaveValue(upstream.baseUrl);
    await page.getByLabel(en.credential.apiKey, { exact: true }).fill("sk-simulated");
    await page.getByRole("button", { name: t.testAndFinish }).click();

    await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.doneTitle);
    await upstream.stop();
    await expectAccessible(page);
    await expect(page.getByRole("listitem").filter({ hasText: "OpenAI-compatible answered the test." })).toBeVisible();
    await expect(page.getByRole("listitem").filter({ hasText: t.checks.worker })).toContainText(t.checks.states.ok);
    await expect(page.getByText(/Mails are files in .*outbox/)).toBeVisible();
    expect(firstCall(await page.getByRole("region", { name: t.firstCall }).locator("pre").innerText())).toContain(
      '"object":"chat.completion"',
    );

    expect((await page.goto(address))?.status()).toBe(404);
    expect((await page.goto(`${hub.url}/setup`))?.status()).toBe(404);
    await page.goto(`${hub.url}/setup/done`);
    await page.getByRole("link", { name: t.openConsole }).click();
    await expect(page).toHaveURL(`${hub.url}/operator`);
    await page.goto(`${hub.url}/admin/providers`);
    await expect(page.getByRole("link", { name: "OpenAI-compatible" })).toBeVisible();
  });
});

test("an owner from the settings signs in and goes through the other steps, once", async ({ page, browser }) => {
  const env = { HUB_BOOTSTRAP_ADMIN_EMAIL: "olga@example.com", HUB_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD };
  await withHub(env, async (hub) => {
    expect((await page.goto(`${hub.url}/setup`))?.status()).toBe(404);
    await page.goto(`${hub.url}/sign-in`);
    await page.getByLabel(en.auth.email).fill("olga@example.com");
    await page.getByLabel(en.auth.password).fill(PASSWORD);
    await page.getByRole("button", { name: en.auth.signIn.submit, exact: true }).click();

    await expect(page).toHaveURL(`${hub.url}/setup`);
    const stranger = await (await browser.newContext()).newPage();
    expect((await stranger.goto(`${hub.url}/setup`))?.status()).toBe(404);
    await stranger.context().close();

    await expect(page.getByRole("heading", { level: 2 })).toHaveText(t.mode);
    await page.getByRole("radio", { name: t.enterprise }).check();
    await expect(page.getByText(t.payments.simulated)).toBeHidden();
    await page.getByRole("button", { name: t.continue }).click();
    await page.getByLabel(t.orgName).fill("Operator");
    await page.getByRole("button", { name: t.continue }).click();
    await page.getByRole("button", { name: t.finish }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.doneTitle);
    expect(firstCall(await page.getByRole("region", { name: t.firstCall }).locator("pre").innerText())).toContain(
      '"object":"chat.completion"',
    );
    expect((await page.goto(`${hub.url}/setup`))?.status()).toBe(404);

    // nobody signs up by themselves here
    await page.context().clearCookies();
    await page.goto(`${hub.url}/sign-up`);
    await expect(page.getByText(en.auth.signUp.closed)).toBeVisible();
  });
});

async function withHub(env: Record<string, string>, use: (hub: Hub) => Promise<void>): Promise<void> {
  test.setTimeout(180_000);
  const hub = await startHub({ env });
  try {
    await use(hub);
  } finally {
    await hub.stop();
  }
}

function setupAddress(hub: Hub): string {
  return /http:\/\/localhost:\d+\/setup\?token=\S+/.exec(hub.output())?.[0] ?? "";
}

/** Runs what the page shows, as somebody would who copies it. */
function firstCall(curl: string): string {
  return execFileSync("bash", ["-c", curl.replace(/^curl/, "curl -s")], { encoding: "utf8", timeout: 20_000 });
}

async function expectAccessible(page: Page): Promise<void> {
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
}
