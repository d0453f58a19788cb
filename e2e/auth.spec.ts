import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";
import { type Hub, startHub } from "@/e2e/support/hub";
import en from "@/messages/en.json" with { type: "json" };

// An empty hub of its own: it is set up, then strangers become customers.

test.describe.configure({ mode: "serial" });
const PASSWORD = "correct horse battery staple";
let hub: Hub;
test.beforeAll(async () => {
  hub = await startHub();
});
test.afterAll(async () => {
  await hub?.stop();
});

test("while the hub has no owner, pages lead to set-up, and only the printed address opens it", async ({ page }) => {
  await page.goto(`${hub.url}/sign-in`);
  await expect(page).toHaveURL(/\/setup$/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(en.setup.tokenTitle);
  await page.goto(`${hub.url}/`);
  await expect(page).toHaveURL(`${hub.url}/`);

  const address = /http:\/\/localhost:\d+\/setup\?token=\S+/.exec(hub.output())?.[0] ?? "";
  await page.goto(address);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(en.setup.title);
  await expectAccessible(page);
  await page.getByLabel(en.auth.name, { exact: true }).fill("Olga");
  await page.getByLabel(en.auth.email).fill("olga@example.com");
  await page.getByLabel(en.auth.password).fill(PASSWORD);
  await page.getByRole("button", { name: en.setup.continue }).click();
  await expect(page.getByRole("heading", { level: 2 })).toHaveText(en.setup.mode);
  await page.getByRole("button", { name: en.setup.continue }).click();
  await page.getByLabel(en.setup.orgName).fill("Operator");
  await page.getByRole("button", { name: en.setup.continue }).click();
  await page.getByRole("button", { name: en.setup.finish }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(en.setup.doneTitle);
  expect((await page.goto(address))?.status()).toBe(404);
});

test("a stranger signs up, proves the address, works, signs out and in again", async ({ page }) => {
  const email = "ana@example.com";
  await page.goto(`${hub.url}/sign-up`);
  await expectAccessible(page);
  await page.getByLabel(en.auth.name, { exact: true }).fill("Ana");
  await page.getByLabel(en.auth.email).fill(email);
  await page.getByLabel(en.auth.password).fill("short");
  await page.getByRole("button", { name: en.auth.signUp.submit }).click();
  await expect(page.getByText(en.auth.fields.password)).toBeVisible();
  await page.getByLabel(en.auth.password).fill(PASSWORD);
  await page.getByRole("button", { name: en.auth.signUp.submit }).click();

  await expect(page.getByRole("heading", { level: 1 })).toHaveText(en.auth.verify.title);
  await expectAccessible(page);
  await page.getByLabel(en.auth.verify.code).fill(/^\d{6}$/m.exec(await mailTo(email, "verify"))?.[0] ?? "");
  await page.getByRole("button", { name: en.auth.verify.submit, exact: true }).click();
  await expect(page).toHaveURL(/\/ana-s-workspace$/);

  await page.goto(`${hub.url}/operator`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(en.notFound.title);
  expect((await page.goto(`${hub.url}/admin`))?.status()).toBe(404);

  await page.goto(`${hub.url}/ana-s-workspace/team`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(en.team.title);
  await page.getByRole("button", { name: /Ana/ }).last().click();
  await page.getByRole("menuitem", { name: en.auth.signOut }).click();
  await expect(page).toHaveURL(/\/sign-in$/);

  await page.goto(`${hub.url}/ana-s-workspace/team`);
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await page.getByLabel(en.auth.email).fill(email);
  await page.getByLabel(en.auth.password).fill(PASSWORD);
  await page.getByRole("button", { name: en.auth.signIn.submit, exact: true }).click();
  await expect(page).toHaveURL(/\/ana-s-workspace\/team$/);
});

test("a known and an unknown address get the same answer", async ({ page }) => {
  for (const email of ["ana@example.com", "nobody@example.com"]) {
    await page.goto(`${hub.url}/forgot`);
    await page.getByLabel(en.auth.email).fill(email);
    await page.getByRole("button", { name: en.auth.forgot.submit }).click();
    await expect(page.getByRole("status").getByText(en.auth.forgot.sent)).toBeVisible();
  }
  const link = /http\S+\/reset\?token=\S+/.exec(await mailTo("ana@example.com", "reset"))?.[0] ?? "";
  await page.goto(link);
  await page.getByLabel(en.auth.newPassword).fill("a new and longer password");
  await page.getByRole("button", { name: en.auth.forgot.save }).click();
  await expect(page).toHaveURL(/\/ana-s-workspace$/);
});

async function mailTo(email: string, template: string): Promise<string> {
  const outbox = join(hub.dataDir, "outbox");
  let found = "";
  await expect
    .poll(() => {
      const names = existsSync(outbox) ? readdirSync(outbox).filter((name) => name.includes(template)) : [];
      const texts = names.sort().map((name) => readFileSync(join(outbox, name), "utf8"));
      found = texts.filter((text) => text.startsWith(`To: ${email}\n`)).at(-1) ?? "";
      return found;
    })
    .not.toBe("");
  return found;
}

async function expectAccessible(page: Page): Promise<void> {
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
}
