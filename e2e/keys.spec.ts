import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import OpenAI from "openai";
import { type SignedInMember, signInMember } from "@/e2e/support/member";
import { expect, test } from "@/e2e/support/test";
import en from "@/messages/en.json" with { type: "json" };

const t = en.keys;

test("you make a key, call with the official SDK, and revoke it", async ({ page, context, hub, baseURL }) => {
  const { slug } = await signInMember(context, hub);
  const key = await createKey(page, slug, "Support bot");

  const client = new OpenAI({ apiKey: key, baseURL: `${baseURL}/api/v1`, maxRetries: 0 });
  const call = () =>
    client.chat.completions.create({ model: "sandbox/chat", messages: [{ role: "user", content: "Hello" }] });
  expect((await call()).choices[0]?.message.content).toBeTruthy();

  await page.getByRole("button", { name: t.test }).click();
  await expect(page.getByText(/ answered in \d+ ms for \$0\.0/)).toBeVisible();
  await page.getByRole("button", { name: t.saved }).click();
  const row = page.getByRole("row").filter({ hasText: "Support bot" });
  await expect(row.getByText(t.statuses.active)).toBeVisible();
  await expect(page.getByText(key)).toHaveCount(0);

  await row.getByRole("button", { name: "Actions for Support bot" }).click();
  await page.getByRole("menuitem", { name: t.revoke }).click();
  const revoke = page.getByRole("dialog").getByRole("button", { name: t.revoke });
  await expect(revoke).toBeDisabled();
  await page.getByRole("dialog").getByRole("textbox").fill(key.slice(-4));
  await revoke.click();
  await expect(row.getByText(t.statuses.revoked)).toBeVisible();
  await expect(async () => {
    await expect(call()).rejects.toMatchObject({ status: 401 });
  }).toPass({ timeout: 5_000 });
});

test("a rotated key works beside the old one, with the same limits", async ({ page, context, hub, baseURL }) => {
  const { slug } = await signInMember(context, hub);
  const old = await createKey(page, slug, "Rotating", { [t.rpmLabel]: "77" });
  await page.getByRole("button", { name: t.saved }).click();
  await page.getByRole("button", { name: "Actions for Rotating" }).click();
  await page.getByRole("menuitem", { name: t.rotate }).click();
  await page.getByRole("dialog").getByRole("button", { name: t.rotate }).click();
  const fresh = await shownKey(page);
  expect(fresh).not.toBe(old);
  await page.getByRole("button", { name: t.saved }).click();
  await expect(page.getByText("77 requests/min")).toHaveCount(2);
  for (const apiKey of [old, fresh]) {
    const models = await new OpenAI({ apiKey, baseURL: `${baseURL}/api/v1` }).models.list();
    expect(models.data.map(({ id }) => id)).toContain("sandbox/chat");
  }
});

test("a budget refuses the call that could exceed it", async ({ page, context, hub, baseURL }) => {
  const { slug } = await signInMember(context, hub);
  const apiKey = await createKey(page, slug, "Tight", { [t.budget]: "0.000001" });
  const client = new OpenAI({ apiKey, baseURL: `${baseURL}/api/v1`, maxRetries: 0 });
  const call = client.chat.completions.create({ model: "sandbox/chat", messages: [{ role: "user", content: "Hi" }] });
  await expect(call).rejects.toMatchObject({ status: 402, code: "budget_exceeded" });
});

test("nobody reads or revokes another organisation's key", async ({ page, context, hub, browser }) => {
  const { slug } = await signInMember(context, hub);
  await createKey(page, slug, "Ours");
  const stranger = await browser.newContext();
  await signInMember(stranger, hub);
  const response = await (await stranger.newPage()).goto(`${hub.url}/${slug}/keys`);
  expect(response?.status()).toBe(404);
  await stranger.close();
});

test("a viewer has no way to keys", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub, { role: "viewer" });
  await page.goto(`/${slug}/keys`);
  await expect(page.getByRole("heading", { level: 1, name: en.shell.forbidden.title })).toBeVisible();
  await expect(page.getByRole("link", { name: en.shell.console.keys })).toHaveCount(0);
});

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`${colorScheme}`, () => {
    test.use({ colorScheme });
    test("the pages of keys and models break no rule of accessibility", async ({ page, context, hub }) => {
      const member = await signInMember(context, hub);
      await inspect(page, member, ["/keys", "/models"]);
      await createKey(page, member.slug, "Seen");
      expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
      await page.getByRole("button", { name: t.saved }).click();
      await inspect(page, member, ["/keys"]);
    });
  });
}

test.describe("on a phone, in Chinese", () => {
  test.use({ locale: "zh", viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  test("keys and models fit and break no rule", async ({ page, context, hub }) => {
    await inspect(page, await signInMember(context, hub), ["/keys", "/models"]);
  });
});

async function createKey(page: Page, slug: string, name: string, fields: Record<string, string> = {}): Promise<string> {
  await page.goto(`/${slug}/keys`);
  await page.getByRole("button", { name: t.create }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(t.name, { exact: true }).fill(name);
  for (const [label, value] of Object.entries(fields)) await dialog.getByLabel(label).fill(value);
  await dialog.getByRole("button", { name: t.create }).click();
  return shownKey(page);
}

async function shownKey(page: Page): Promise<string> {
  const shown = page.getByRole("dialog").getByText(/^aigne_sk_\w+$/);
  await expect(shown).toBeVisible();
  return (await shown.textContent()) ?? "";
}

async function inspect(page: Page, { slug }: SignedInMember, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await page.goto(`/${slug}${path}`);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    expect((await new AxeBuilder({ page }).analyze()).violations, path).toEqual([]);
    const width = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(width, path).toBe(0);
  }
}
