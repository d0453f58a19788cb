import { expect, type Locator } from "@playwright/test";

/** Opens the menu behind a button and presses an entry of it. A page that has just come may not listen yet; then the button is
 *  pressed again, as people do. */
export async function pressEntry(button: Locator, entry: Locator): Promise<void> {
  await expect(async () => {
    if (!(await entry.isVisible())) await button.click({ timeout: 2_000 });
    await expect(entry).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 20_000 });
  await entry.click();
}
