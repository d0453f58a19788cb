import { signInMember } from "@/e2e/support/member";
import { expect, test } from "@/e2e/support/test";
import en from "@/messages/en.json" with { type: "json" };

const t = en.settings;

test("you set the zone in which the days of your reports begin, and what may be spent", async ({
  page,
  context,
  hub,
}) => {
  const { slug } = await signInMember(context, hub);
  await page.goto(`/${slug}/settings`);
  const form = page.getByRole("region", { name: t.organisation });
  await form.getByLabel(t.timeZone).fill("Mars/Olympus");
  await form.getByRole("button", { name: t.save }).click();
  await expect(form.getByLabel(t.timeZone)).toHaveAttribute("aria-invalid", "true");
  await form.getByLabel(t.timeZone).fill("Asia/Kolkata");
  await form.getByRole("button", { name: t.save }).click();
  await expect(form.getByText(t.saved)).toBeVisible();

  const limit = page.getByRole("region", { name: t.spendCap.title });
  await limit.getByLabel(t.spendCap.capUsd.label).fill("lots");
  await limit.getByRole("button", { name: t.save }).click();
  await expect(limit.getByText(t.spendCap.bad)).toBeVisible();
  await limit.getByLabel(t.spendCap.capUsd.label).fill("50");
  await limit.getByRole("button", { name: t.save }).click();
  await expect(limit.getByText(t.saved)).toBeVisible();
  await page.reload();
  await expect(limit.getByLabel(t.spendCap.capUsd.label)).toHaveValue("50");
  await expect(limit.getByLabel(t.spendCap.dailyCapUsd.label)).toHaveValue("");

  await page.goto(`/${slug}/activity`);
  await expect(page.getByRole("combobox", { name: en.activity.zoneLabel })).toContainText("Asia/Kolkata");
});

test("you choose a theme, and it stays in this browser", async ({ page, context, hub }) => {
  const { slug } = await signInMember(context, hub);
  await page.goto(`/${slug}/settings`);
  const theme = page.getByRole("combobox", { name: en.shell.theme });
  await theme.click();
  await page.getByRole("option", { name: en.shell.themes.dark }).click();
  await expect(page.locator("html")).toHaveClass(/dark/);
  await page.reload();
  await expect(page.locator("html")).toHaveClass(/dark/);
  await expect(theme).toContainText(en.shell.themes.dark);
});
