import type { Locator } from "@playwright/test";
import { untilItListens } from "./listens";

/** Opens the menu behind a button and presses an entry of it. */
export async function pressEntry(button: Locator, entry: Locator): Promise<void> {
  await untilItListens(button);
  await button.click();
  await entry.click();
}
