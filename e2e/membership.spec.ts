import { type Browser, expect, type Page, test } from "@playwright/test";
import { type Hub, startHub } from "@/e2e/support/hub";
import { codeIn, linkIn, mailTo } from "@/e2e/support/outbox";
import { makePerson, PASSWORD, type Person, withSql } from "@/e2e/support/person";
import en from "@/messages/en.json" with { type: "json" };

// Invitations, from every state the invited person may be in; and one's own sessions.

test.describe.configure({ mode: "default" });
const t = en.auth;
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

test("somebody new follows an invitation, signs up and is in; the link works once", async ({ page, browser }) => {
  const owner = await makePerson(hub, { name: "Olivia" });
  const email = "nina@example.com";
  const link = await invite(browser, owner, email);

  await page.goto(link);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Join Acme 1");
  await expect(page.getByText("Olivia invites you as Developer.")).toBeVisible();
  await page.getByRole("link", { name: t.invite.signUp }).click();
  await page.getByLabel(t.name, { exact: true }).fill("Nina");
  await page.getByLabel(t.email).fill(email);
  await page.getByLabel(t.password).fill(PASSWORD);
  await page.getByRole("button", { name: t.signUp.submit }).click();
  await page.getByRole("textbox", { name: t.verify.code }).fill(codeIn(await mailTo(hub, email, "verify")));
  await page.getByRole("button", { name: t.verify.submit, exact: true }).click();
  await page.getByRole("button", { name: "Join Acme 1" }).click();
  await expect(page).toHaveURL(`${hub.url}/${owner.slugs[0]}`);

  await page.goto(link);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.invite.goneTitle);
  await page.getByRole("link", { name: t.invite.home }).click();
  await expect(page).toHaveURL(`${hub.url}/${owner.slugs[0]}`);
});

test("somebody signed out signs in on the way; another account is told and can switch", async ({ page, browser }) => {
  const [owner, guest, other] = [await makePerson(hub), await makePerson(hub), await makePerson(hub, { name: "Bob" })];
  const link = await invite(browser, owner, guest.email);

  await page.goto(`${hub.url}/sign-in`);
  await signIn(page, other);
  await expect(page).toHaveURL(`${hub.url}/${other.slugs[0]}`);
  await page.goto(link);
  await expect(page.getByText("This invitation is for u•••@example.com.")).toBeVisible();
  await expect(page.getByText(guest.email)).toBeHidden();
  await page.getByRole("button", { name: t.invite.switch }).click();

  await page.getByRole("link", { name: t.invite.signIn }).click();
  await signIn(page, guest);
  await page.getByRole("button", { name: "Join Acme 1" }).click();
  await expect(page).toHaveURL(`${hub.url}/${owner.slugs[0]}`);
});

test("an invitation that has expired says so", async ({ page, browser }) => {
  const owner = await makePerson(hub);
  const link = await invite(browser, owner, "late@example.com");
  await withSql(hub, (query) => query("UPDATE invitation SET expires_at = now() WHERE email = 'late@example.com'"));
  await page.goto(link);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(t.invite.goneTitle);
  await page.getByRole("link", { name: t.forgot.back }).click();
  await expect(page).toHaveURL(`${hub.url}/sign-in`);
});

test("you see your sessions, end one or all others, and a new password asks for the old one", async ({ browser }) => {
  const person = await makePerson(hub);
  const pages = [await signedIn(browser, person), await signedIn(browser, person), await signedIn(browser, person)];
  const [here, second, third] = pages as [Page, Page, Page];
  const settings = `${hub.url}/${person.slugs[0]}/settings`;
  await here.goto(settings);
  const sessions = here.getByRole("region", { name: en.settings.sessions }).getByRole("listitem");
  await expect(sessions).toHaveCount(3);
  await expect(sessions.filter({ hasText: en.settings.thisSession })).toHaveCount(1);
  // most recent first, so the last one to sign in stands on top of the others
  await sessions.getByRole("button").first().click();
  await expect(sessions).toHaveCount(2);
  await here.getByRole("button", { name: en.settings.endOthers }).click();
  await expect(sessions).toHaveCount(1);
  for (const page of [second, third]) {
    await page.goto(settings);
    await expect(page).toHaveURL(/\/sign-in\?next=/);
  }

  await here.getByLabel(en.settings.currentPassword).fill("not the password");
  await here.getByLabel(t.newPassword).fill("a new and longer password");
  await here.getByRole("button", { name: en.settings.changePassword }).click();
  await expect(here.getByText(t.fields.current)).toBeVisible();
  await here.getByLabel(en.settings.currentPassword).fill(PASSWORD);
  await here.getByRole("button", { name: en.settings.changePassword }).click();
  await expect(here.getByRole("status").getByText(en.settings.saved)).toBeVisible();
  await here.reload();
  await expect(sessions).toHaveCount(1);
  for (const page of pages) await page.context().close();
});

test("what you have entered survives the end of your session", async ({ browser }) => {
  const person = await makePerson(hub);
  const page = await signedIn(browser, person);
  await page.goto(`${hub.url}/${person.slugs[0]}/keys`);
  await page.getByRole("button", { name: en.keys.create }).click();
  const draft = page.getByRole("dialog", { name: en.keys.createTitle });
  await draft.getByLabel(en.keys.name, { exact: true }).fill("A long thought");
  await withSql(hub, (query) => query("DELETE FROM auth_session WHERE user_id = $1", person.userId));
  await draft.getByRole("button", { name: en.keys.create }).click();

  const again = page.getByRole("dialog", { name: t.again.title });
  await expect(again.getByText(person.email)).toBeVisible();
  await again.getByLabel(t.password).fill("not the password");
  await again.getByRole("button", { name: t.signIn.submit }).click();
  await expect(again.getByText(t.errors.invalid_credentials)).toBeVisible();
  await again.getByLabel(t.password).fill(PASSWORD);
  await again.getByRole("button", { name: t.signIn.submit }).click();
  await expect(again).toBeHidden();

  await expect(draft.getByLabel(en.keys.name, { exact: true })).toHaveValue("A long thought");
  await draft.getByRole("button", { name: en.keys.create }).click();
  await expect(page.getByText(/^aigne_sk_\w+$/)).toBeVisible();
  await page.context().close();
});

/** The owner invites through the page; the answer is the link of the mail. */
async function invite(browser: Browser, owner: Person, email: string): Promise<string> {
  const page = await signedIn(browser, owner);
  await page.goto(`${hub.url}/${owner.slugs[0]}/team`);
  await page.getByLabel(en.team.emails).fill(email);
  await page.getByRole("button", { name: en.team.send }).click();
  const mail = await mailTo(hub, email, "invitation");
  await page.context().close();
  return linkIn(mail);
}

async function signedIn(browser: Browser, person: Person): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${hub.url}/sign-in`);
  await signIn(page, person);
  await expect(page).toHaveURL(`${hub.url}/${person.slugs[0]}`);
  return page;
}

async function signIn(page: Page, { email }: Person): Promise<void> {
  await page.getByLabel(t.email).fill(email);
  await page.getByLabel(t.password).fill(PASSWORD);
  await page.getByRole("button", { name: t.signIn.submit, exact: true }).click();
}
