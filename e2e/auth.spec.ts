import AxeBuilder from "@axe-core/playwright";
import { type Browser, expect, type Page, test } from "@playwright/test";
import { type Hub, startHub } from "@/e2e/support/hub";
import { pressEntry } from "@/e2e/support/menu";
import { codeIn, linkIn, mailTo } from "@/e2e/support/outbox";
import { makePerson, PASSWORD, withSql } from "@/e2e/support/person";
import en from "@/messages/en.json" with { type: "json" };

// A hub of its own with an owner: strangers become customers, and everybody finds the way back in.

test.describe.configure({ mode: "default" });
const t = en.auth;
const NEW_PASSWORD = "a new and longer password";
let hub: Hub;
test.beforeAll(async () => {
  test.setTimeout(120_000);
  hub = await startHub({
    env: { HUB_BOOTSTRAP_ADMIN_EMAIL: "olga@example.com", HUB_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD },
  });
});
test.afterAll(async () => {
  await hub?.stop();
});

test("a stranger signs up, proves the address, works, signs out and in again", async ({ page }) => {
  const email = "ana@example.com";
  await page.goto(`${hub.url}/sign-up`);
  await expectAccessible(page);
  await page.getByLabel(t.name, { exact: true }).fill("Ana");
  await page.getByLabel(t.email).fill(email);
  await page.getByLabel(t.password).fill("Welcome2026!!");
  await expect(page.getByRole("status").getByText(t.strength.common)).toBeVisible();
  await page.getByRole("button", { name: t.signUp.submit }).click();
  await expect(page.getByText(t.fields.password)).toBeVisible();
  await page.getByLabel(t.password).fill(PASSWORD);
  await expect(page.getByRole("status").getByText(t.strength.strong)).toBeVisible();
  await page.getByRole("button", { name: t.signUp.submit }).click();

  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.verify.title);
  await expectAccessible(page);
  const code = codeIn(await mailTo(hub, email, "verify"));
  await page.getByRole("textbox", { name: t.verify.code }).pressSequentially(code === "000000" ? "000001" : "000000");
  await page.getByRole("button", { name: t.verify.submit, exact: true }).click();
  await expect(page.getByText(t.fields.code)).toBeVisible();
  // what a phone offers lands in the first cell, all at once
  await page.getByRole("textbox", { name: t.verify.code }).fill(code);
  await expect(page.getByLabel(t.verify.cell.replace("{n}", "6").replace("{of}", "6"))).toHaveValue(code.slice(-1));
  await page.getByRole("button", { name: t.verify.submit, exact: true }).click();
  await expect(page).toHaveURL(/\/ana-s-workspace$/);

  expect((await page.goto(`${hub.url}/admin`))?.status()).toBe(404);
  await page.goto(`${hub.url}/ana-s-workspace`);
  await signOut(page);
  await page.goto(`${hub.url}/ana-s-workspace/team`);
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await expect(page.getByText(t.signIn.lastUsed)).toBeVisible();
  await signIn(page, email);
  await expect(page).toHaveURL(/\/ana-s-workspace\/team$/);
});

test("one pasted code fills all cells and is sent", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const code = await startSignUp(page, "paula@example.com");
  await page.evaluate((text) => navigator.clipboard.writeText(text), `${code.slice(0, 3)} ${code.slice(3)}`);
  await page.getByRole("textbox", { name: t.verify.code }).focus();
  await page.keyboard.press("ControlOrMeta+V");
  await expect(page).toHaveURL(/\/paula-s-workspace$/);
});

test("a code that is too old is replaced in one click, once half a minute has passed", async ({ page }) => {
  const email = "otto@example.com";
  await page.clock.install();
  const old = await startSignUp(page, email);
  const mail = await mailTo(hub, email, "verify");
  const resend = page.getByRole("button", { name: t.verify.resend });
  await expect(resend).toBeDisabled();
  await page.clock.runFor(30_000);
  await expect(resend).toBeEnabled();

  await withSql(hub, (query) => query("UPDATE verification_token SET expires = now() WHERE identifier LIKE 'code:%'"));
  await page.getByRole("textbox", { name: t.verify.code }).fill(old);
  await page.getByRole("button", { name: t.verify.submit, exact: true }).click();
  await expect(page.getByText(t.fields.code)).toBeVisible();
  await resend.click();
  await expect(page.getByText(t.verify.resent)).toBeVisible();
  await expect(page.getByRole("textbox", { name: t.verify.code })).toHaveValue("");
  // the mail's link opens the page with the code in it, to be confirmed by a person
  await page.goto(linkIn(await mailTo(hub, email, "verify", mail)));
  await page.getByRole("button", { name: t.verify.submit, exact: true }).click();
  await expect(page).toHaveURL(/\/otto-s-workspace$/);
});

test("a known and an unknown address get the same answer, and a reset ends other sessions", async ({
  page,
  browser,
}) => {
  const { email, slugs } = await makePerson(hub);
  const elsewhere = await signedIn(browser, email);
  for (const asked of [email, "nobody@example.com"]) {
    await page.goto(`${hub.url}/forgot`);
    await page.getByLabel(t.email).fill(asked);
    await page.getByRole("button", { name: t.forgot.submit }).click();
    await expect(page.getByRole("status").getByText(t.forgot.sent)).toBeVisible();
    await page.goto(`${hub.url}/sign-in`);
    await page.getByLabel(t.email).fill(asked);
    await page.getByLabel(t.password).fill("not the password");
    await page.getByRole("button", { name: t.signIn.submit, exact: true }).click();
    await expect(page.getByRole("alert").getByText(t.errors.invalid_credentials)).toBeVisible();
  }
  const link = linkIn(await mailTo(hub, email, "reset"));
  await page.goto(link);
  await expectAccessible(page);
  await page.getByLabel(t.newPassword).fill(NEW_PASSWORD);
  await page.getByRole("button", { name: t.forgot.save }).click();
  await expect(page).toHaveURL(`${hub.url}/${slugs[0]}`);
  await elsewhere.reload();
  await expect(elsewhere).toHaveURL(/\/sign-in\?next=/);
  await elsewhere.context().close();

  await signOut(page);
  await page.goto(link);
  await page.getByLabel(t.newPassword).fill(NEW_PASSWORD);
  await page.getByRole("button", { name: t.forgot.save }).click();
  await expect(page.getByRole("alert").getByText(t.errors.invalid_code)).toBeVisible();
});

test("a mailed link signs in with one click, in the browser that asked", async ({ page, browser }) => {
  const { email, slugs } = await makePerson(hub);
  await page.goto(`${hub.url}/sign-in`);
  await page.getByLabel(t.email).fill(email);
  await page.getByRole("button", { name: t.signIn.link }).click();
  await expect(page.getByRole("status").getByText(t.signIn.linkSent)).toBeVisible();
  const link = linkIn(await mailTo(hub, email, "magic"));

  const other = await (await browser.newContext()).newPage();
  await other.goto(link);
  await other.getByRole("button", { name: t.magic.submit }).click();
  await expect(other.getByRole("alert").getByText(t.errors.invalid_code)).toBeVisible();
  await other.context().close();

  await page.goto(link);
  await expectAccessible(page);
  await page.getByRole("button", { name: t.magic.submit }).click();
  await expect(page).toHaveURL(`${hub.url}/${slugs[0]}`);
});

test("who keeps guessing waits, and is told how long; a way back never leads elsewhere", async ({ page }) => {
  const { email, slugs } = await makePerson(hub, { orgs: 2 });
  await page.goto(`${hub.url}/sign-in?next=${encodeURIComponent("//evil.example")}`);
  await signIn(page, email);
  await expect(page).toHaveURL(`${hub.url}/${slugs[0]}`);
  // next time this person starts where they worked last
  await page.goto(`${hub.url}/${slugs[1]}`);
  await signOut(page);
  await signIn(page, email);
  await expect(page).toHaveURL(`${hub.url}/${slugs[1]}`);
  await page.context().clearCookies();

  await page.goto(`${hub.url}/sign-in`);
  await page.getByLabel(t.email).fill("guess@example.com");
  for (let n = 0; n < 6; n++) {
    await page.getByLabel(t.password).fill(`guess number ${n}`);
    await page.getByRole("button", { name: t.signIn.submit, exact: true }).click();
    const answer = n < 5 ? t.errors.invalid_credentials : "Try again in 15 minutes";
    await expect(page.getByRole("alert").getByText(answer)).toBeVisible();
  }
});

async function startSignUp(page: Page, email: string): Promise<string> {
  const name = email.split("@")[0] ?? "";
  await page.goto(`${hub.url}/sign-up`);
  await page.getByLabel(t.name, { exact: true }).fill(name[0]?.toUpperCase() + name.slice(1));
  await page.getByLabel(t.email).fill(email);
  await page.getByLabel(t.password).fill(PASSWORD);
  await page.getByRole("button", { name: t.signUp.submit }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.verify.title);
  return codeIn(await mailTo(hub, email, "verify"));
}

async function signedIn(browser: Browser, email: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${hub.url}/sign-in`);
  await signIn(page, email);
  await expect(page).not.toHaveURL(/sign-in/);
  return page;
}

async function signIn(page: Page, email: string): Promise<void> {
  await page.getByLabel(t.email).fill(email);
  await page.getByLabel(t.password).fill(PASSWORD);
  await page.getByRole("button", { name: t.signIn.submit, exact: true }).click();
}

async function signOut(page: Page): Promise<void> {
  await pressEntry(page.getByRole("button", { name: /^Account of/ }), page.getByRole("menuitem", { name: t.signOut }));
  await expect(page).toHaveURL(`${hub.url}/sign-in`);
}

async function expectAccessible(page: Page): Promise<void> {
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
}
