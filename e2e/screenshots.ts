import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { startHub } from "@/e2e/support/hub";
import { settle } from "@/e2e/support/inspect";
import { ALL, emptied, NOT_THERE, SCREENS, visit } from "@/e2e/support/pages";
import { test } from "@/e2e/support/test";
import { buildWorld, unsetWorld } from "@/e2e/support/world";
import { isLocale, LOCALES } from "@/lib/locale";

// `npm run screenshots [-- --lang ja]`: every page, both themes, both sizes, to be looked at by people.

const THEMES = ["light", "dark"] as const;
const locale = process.env.HUB_TEST_LANG ?? "en";
if (!isLocale(locale)) throw new Error(`--lang must be one of ${LOCALES.join(", ")}.`);
const folder = join(import.meta.dirname, "../screenshots", locale);
const views = [...ALL, ...emptied(ALL), ...NOT_THERE];

test("every page is taken", async ({ browser, hub }) => {
  test.setTimeout(600_000);
  rmSync(folder, { recursive: true, force: true });
  const own = await startHub();
  try {
    const unset = views.filter(({ only }) => only === "unset");
    const set = views.filter(({ only }) => only !== "unset");
    const world = await buildWorld(browser, hub, "service");
    for (const [screen, size] of Object.entries(SCREENS)) {
      const take = async (page: Page, path: string, { name }: { name: string }) => {
        await page.goto(path);
        await settle(page);
        for (const colorScheme of THEMES) {
          await page.emulateMedia({ colorScheme });
          await page.screenshot({ path: join(folder, `${screen}-${colorScheme}`, `${name}.png`), fullPage: true });
        }
      };
      await visit(browser, unsetWorld(own), unset, { ...size, locale }, take);
      await visit(browser, world, set, { ...size, locale }, take);
    }
  } finally {
    await own.stop();
  }
  console.log(`Pictures are in ${folder}.`);
});
