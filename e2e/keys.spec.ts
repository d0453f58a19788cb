import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import OpenAI from "openai";
import { signInMember } from "@/e2e/support/member";
import { expect, test } from "@/e2e/support/test";
import en from "@/messages/en.json" with { type: "json" };

const t = en.keys;

test("you make a key, call with the official SDK, and revoke it", async ({ page, context, hub, baseURL }) => {
  const { slug } = await signInMember(context, hub);
  const lost = await loseAnswerOf(page, slug);
  await fillKey(page, slug, "Support bot", { [t.modelsLabel]: "sandbox/chat" });
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: t.create }).click();
  // made, but nobody heard of it: sent again it is still one key
  await expect(dialog.getByText(en.auth.errors.unavailable)).toBeVisible();
  expect(lost()).toBe(1);
  await dialog.getByRole("button", { name: t.create }).click();
  const key = await shownKey(page);

  expect((await call(key, baseURL)).choices[0]?.message.content).toBeTruthy();

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
    await expect(call(key, baseURL)).rejects.toMatchObject({ status: 401 });
  }).toPass({ timeout: 5_000 });
});

test("a rotated key keeps its page, limits and spend; the old secret works until its deadline", async ({
  page,
  context,
  hub,
  baseURL,
}) => {
  const { slug } = await signInMember(context, hub);
  const old = await createKey(page, slug, "Rotating", { [t.rpmLabel]: "77", [t.budget]: "2" });
  await call(old, baseURL);
  await page.getByRole("button", { name: t.saved }).click();
  await page.getByRole("link", { name: "Rotating" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Rotating" })).toBeVisible();
  await page.getByRole("button", { name: t.rotate }).click();
  await page.getByRole("dialog").getByRole("button", { name: t.rotate }).click();
  const fresh = await shownKey(page);
  expect(fresh).not.toBe(old);
  await page.getByRole("button", { name: t.saved }).click();
  await expect(page.getByText(`aigne_sk_…${fresh.slice(-4)}`)).toBeVisible();
  await expect(page.getByRole("note")).toContainText(`aigne_sk_…${old.slice(-4)} still works until`);
  await expect(page.getByText("1 of 77 now")).toBeVisible();
  await call(old, baseURL);
  await call(fresh, baseURL);
  // three calls of one key, whichever secret made them; the page follows by itself
  await expect(page.getByRole("row").filter({ hasText: "sandbox/chat" })).toHaveCount(3);
  await expect(page.getByText("3 of 77 now")).toBeVisible();
  await page.goto(`/${slug}/keys`);
  await expect(page.getByRole("row").filter({ hasText: "Rotating" })).toHaveCount(1);
});

test("an edit binds at once and stays in the history", async ({ page, context, hub, baseURL }) => {
  const { slug } = await signInMember(context, hub);
  const apiKey = await createKey(page, slug, "Plain");
  await page.getByRole("button", { name: t.saved }).click();
  await page.getByRole("button", { name: "Actions for Plain" }).click();
  await page.getByRole("menuitem", { name: t.edit }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(t.name, { exact: true }).fill("Walled in");
  await dialog.getByText(t.limitsTitle).click();
  await expect(dialog.getByText(/Yours is (127\.0\.0\.1|::1)\./)).toBeVisible();
  await dialog.getByLabel(t.modelsLabel).fill("sandbox/ch*\nnowhere/*");
  await expect(dialog.getByText(/^1 of \d+ models sandbox\/chat/)).toBeVisible();
  await expect(dialog.getByText("Matches no model: nowhere/*")).toBeVisible();
  await dialog.getByLabel(t.addressesLabel).fill("203.0.113.0/24");
  await dialog.getByLabel(t.note).fill("Only from the office");
  await dialog.getByRole("button", { name: t.saveChanges }).click();
  await page.getByRole("link", { name: "Walled in" }).click();
  await expect(page.getByText("Only from the office").first()).toBeVisible();
  await expect(page.getByText("Allowed addresses: none → 203.0.113.0/24")).toBeVisible();
  await expect(call(apiKey, baseURL)).rejects.toMatchObject({ status: 403 });
});

test("several keys are disabled at once, and enabled again", async ({ page, context, hub, baseURL }) => {
  const { slug } = await signInMember(context, hub);
  const keys: string[] = [];
  for (const name of ["First", "Second"]) {
    keys.push(await createKey(page, slug, name));
    await page.getByRole("button", { name: t.saved }).click();
  }
  for (const name of ["First", "Second"]) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
  await expect(page.getByText("2 keys selected")).toBeVisible();
  await page.getByRole("button", { name: t.disable }).click();
  await expect(page.getByRole("row").getByText(t.statuses.disabled)).toHaveCount(2);
  for (const key of keys) {
    await expect(async () => {
      await expect(call(key, baseURL)).rejects.toMatchObject({ status: 403 });
    }).toPass({ timeout: 5_000 });
  }
  for (const name of ["First", "Second"]) await page.getByRole("checkbox", { name: `Select ${name}` }).check();
  await page.getByRole("button", { name: t.enable }).click();
  await expect(page.getByRole("row").getByText(t.statuses.active)).toHaveCount(2);
});

test("before a key ends, its page says who will notice", async ({ page, context, hub, baseURL }) => {
  const { slug } = await signInMember(context, hub);
  const apiKey = await createKey(page, slug, "Busy");
  await page.getByRole("button", { name: t.saved }).click();
  await page.getByRole("button", { name: "Actions for Busy" }).click();
  await page.getByRole("menuitem", { name: t.revoke }).click();
  await expect(page.getByRole("dialog")).toContainText(t.revokeNotUsed);
  await page.getByRole("dialog").getByRole("button", { name: en.ui.cancel }).click();
  await call(apiKey, baseURL);
  await expect(async () => {
    await page.reload();
    await page.getByRole("button", { name: "Actions for Busy" }).click();
    await page.getByRole("menuitem", { name: t.revoke }).click();
    await expect(page.getByRole("dialog")).toContainText("One address used this key in the last 24 hours", {
      timeout: 1_000,
    });
  }).toPass();
});

test("a budget refuses the call that could exceed it", async ({ page, context, hub, baseURL }) => {
  const { slug } = await signInMember(context, hub);
  const apiKey = await createKey(page, slug, "Tight", { [t.budget]: "0.000001" });
  await expect(call(apiKey, baseURL)).rejects.toMatchObject({ status: 402, code: "budget_exceeded" });
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

// The pages themselves are looked at in every theme by pages.spec.ts; a key is shown only once.
test("a key that is shown, and its own page, break no rule of accessibility", async ({ page, context, hub }) => {
  const member = await signInMember(context, hub);
  await createKey(page, member.slug, "Seen");
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  await page.getByRole("button", { name: t.saved }).click();
  await page.getByRole("link", { name: "Seen" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Seen" })).toBeVisible();
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
});

async function createKey(page: Page, slug: string, name: string, fields: Record<string, string> = {}): Promise<string> {
  await fillKey(page, slug, name, fields);
  await page.getByRole("dialog").getByRole("button", { name: t.create }).click();
  return shownKey(page);
}

async function fillKey(page: Page, slug: string, name: string, fields: Record<string, string>): Promise<void> {
  await page.goto(`/${slug}/keys`);
  await page.getByRole("button", { name: t.create }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(t.name, { exact: true }).fill(name);
  if (Object.keys(fields).length > 0) await dialog.getByText(t.limitsTitle).click();
  for (const [label, value] of Object.entries(fields)) await dialog.getByLabel(label).fill(value);
}

/** The next action on the page of keys is done, and its answer lost. Says how often that happened. */
async function loseAnswerOf(page: Page, slug: string): Promise<() => number> {
  let count = 0;
  await page.route(`**/${slug}/keys`, async (route) => {
    if (route.request().method() !== "POST" || count > 0) return route.fallback();
    count++;
    await route.fetch();
    await route.abort();
  });
  return () => count;
}

function call(apiKey: string, baseURL: string | undefined) {
  const client = new OpenAI({ apiKey, baseURL: `${baseURL}/api/v1`, maxRetries: 0 });
  return client.chat.completions.create({ model: "sandbox/chat", messages: [{ role: "user", content: "Hello" }] });
}

async function shownKey(page: Page): Promise<string> {
  const shown = page.getByRole("dialog").getByText(/^aigne_sk_\w+$/);
  await expect(shown).toBeVisible();
  return (await shown.textContent()) ?? "";
}
