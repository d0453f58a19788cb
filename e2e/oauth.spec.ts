import { expect, type Page, test } from "@playwright/test";
import { type Hub, startHub } from "@/e2e/support/hub";
import { pressEntry } from "@/e2e/support/menu";
import { type OAuthSimulator, startOAuthSimulator } from "@/e2e/support/oauth";
import { codeIn, mailTo } from "@/e2e/support/outbox";
import { makePerson, PASSWORD } from "@/e2e/support/person";
import en from "@/messages/en.json" with { type: "json" };

// GitHub and Google, as far as a simulator can stand in for them.

test.describe.configure({ mode: "default" });
const t = en.auth;
let hub: Hub;
let simulator: OAuthSimulator;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  simulator = await startOAuthSimulator();
  hub = await startHub({
    env: {
      AUTH_SIMULATOR_URL: simulator.url,
      AUTH_GITHUB_ID: "github-client",
      AUTH_GITHUB_SECRET: "simulated",
      AUTH_GOOGLE_ID: "google-client",
      AUTH_GOOGLE_SECRET: "simulated",
      HUB_BOOTSTRAP_ADMIN_EMAIL: "olga@example.com",
      HUB_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
    },
  });
});
test.afterAll(async () => {
  await hub?.stop();
  await simulator?.stop();
});

test("a stranger comes from Google, whose word on the address counts, and makes an organisation", async ({ page }) => {
  simulator.people.push({ id: 1, name: "Gina", email: "gina@example.com" });
  await continueWith(page, "Google", "Gina");
  await expect(page).toHaveURL(`${hub.url}/new-org`);
  await page.getByRole("button", { name: t.newOrg.submit }).click();
  await expect(page).toHaveURL(`${hub.url}/gina-s-workspace`);

  await signOut(page);
  await continueWith(page, "Google", "Gina");
  await expect(page).toHaveURL(`${hub.url}/gina-s-workspace`);

  await signOut(page);
  await page.goto(`${hub.url}/sign-in`);
  await expect(page.getByText(t.signIn.lastUsed)).toHaveCount(1);
});

test("a stranger comes from GitHub and proves the address with a code first", async ({ page }) => {
  const email = "hubert@example.com";
  simulator.people.push({ id: 2, name: "Hubert", email });
  await continueWith(page, "GitHub", "Hubert");
  await expect(page).toHaveURL(`${hub.url}/verify`);
  await expect(page.getByText(t.verify.unproved.replace("{email}", email))).toBeVisible();
  await page.getByRole("button", { name: t.verify.resend }).click();
  await page.getByRole("textbox", { name: t.verify.code }).fill(codeIn(await mailTo(hub, email, "verify")));
  await page.getByRole("button", { name: t.verify.submit, exact: true }).click();
  await expect(page).toHaveURL(`${hub.url}/hubert-s-workspace`);
});

test("an address that has an account here is not linked by itself", async ({ page }) => {
  const { email } = await makePerson(hub);
  simulator.people.push({ id: 3, name: "Mallory", email });
  for (const provider of ["GitHub", "Google"] as const) {
    await continueWith(page, provider, "Mallory");
    await expect(page.getByRole("alert").getByText(t.signIn.notLinked)).toBeVisible();
  }
  await page.goto(`${hub.url}/new-org`);
  await expect(page).toHaveURL(/\/sign-in\?next=/);
});

test("whoever says no at the provider is told so, and can go on here", async ({ page }) => {
  await page.goto(`${hub.url}/sign-in`);
  await page.getByRole("button", { name: "Continue with GitHub" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("alert").getByText(t.signIn.denied)).toBeVisible();
  await expect(page.getByLabel(t.email)).toBeVisible();
});

test("an answer that this browser did not ask for signs nobody in", async ({ page, browser }) => {
  simulator.people.push({ id: 4, name: "Trent", email: "trent@example.com" });
  // another state than the one asked with
  await page.goto(`${hub.url}/sign-in`);
  await page.getByRole("button", { name: "Continue with Google" }).click();
  await page.waitForURL(`${simulator.url}/**`);
  const asked = new URL(page.url());
  asked.searchParams.set("state", "forged");
  await page.goto(String(asked));
  await page.getByRole("button", { name: "Continue as Trent" }).click();
  await expect(page.getByRole("alert").getByText(t.signIn.failed)).toBeVisible();

  // the right one, in a browser that did not ask
  await page.goto(`${hub.url}/sign-in`);
  await page.getByRole("button", { name: "Continue with Google" }).click();
  await page.waitForURL(`${simulator.url}/**`);
  const { searchParams } = new URL(page.url());
  const form = { ...Object.fromEntries(searchParams), challenge: `${searchParams.get("code_challenge")}`, person: "4" };
  const answer = await page.request.post(`${simulator.url}/decide`, { form, maxRedirects: 0 });
  const callback = answer.headers().location ?? "";
  expect(callback).toContain("code=");
  const other = await (await browser.newContext()).newPage();
  await other.goto(callback);
  await expect(other.getByRole("alert").getByText(t.signIn.failed)).toBeVisible();
  await other.goto(`${hub.url}/new-org`);
  await expect(other).toHaveURL(/\/sign-in\?next=/);
  await other.context().close();
});

async function continueWith(page: Page, provider: "GitHub" | "Google", person: string): Promise<void> {
  await page.goto(`${hub.url}/sign-in`);
  await page.getByRole("button", { name: `Continue with ${provider}` }).click();
  await page.getByRole("button", { name: `Continue as ${person}` }).click();
}

async function signOut(page: Page): Promise<void> {
  await pressEntry(page.getByRole("button", { name: /^Account/ }), page.getByRole("menuitem", { name: t.signOut }));
  await expect(page).toHaveURL(`${hub.url}/sign-in`);
}
