import type { Browser } from "@playwright/test";
import { startHub } from "@/e2e/support/hub";
import { inspect } from "@/e2e/support/inspect";
import { operatorApi } from "@/e2e/support/operator-api";
import { ALL, emptied, type NamedView, NOT_THERE, ROUTES, SCREENS, VIEWS, visit } from "@/e2e/support/pages";
import { test as base, expect } from "@/e2e/support/test";
import { buildWorld, unsetWorld, type World } from "@/e2e/support/world";
import { LOCALES, type Locale } from "@/lib/locale";

// Every page of app/, looked at by a machine: rules of accessibility in both themes, one heading, the right language,
// nothing sideways down to 320 px, nothing asked of strangers, no complaint in the console. `npm run e2e:full` looks at
// all combinations of language, screen, mode and with or without data; here are the ones that differ most.

const FULL = process.env.HUB_TEST_RUNS === "full";

type Look = { screen: keyof typeof SCREENS; locale: Locale };
const LOOKS: readonly Look[] = FULL
  ? LOCALES.flatMap((locale) => [
      { screen: "desktop" as const, locale },
      { screen: "phone" as const, locale },
    ])
  : [
      { screen: "desktop", locale: "en" },
      { screen: "phone", locale: "zh" },
    ];

/** One filled hub for all tests of a process. */
const test = base.extend<object, { world: World }>({
  world: [async ({ browser, hub }, use) => use(await buildWorld(browser, hub, "service")), { scope: "worker" }],
});

// a picture of every step would take longer than the steps
test.use({ trace: "off" });

const SERVED = ALL.filter(({ only = "service" }) => only === "service");
const AREAS: Readonly<Record<string, readonly NamedView[]>> = {
  "public pages and sign-in": SERVED.filter(({ as }) => !["member", "operator"].includes(as)),
  "an organisation's pages": SERVED.filter(({ as }) => as === "member"),
  "the administration": SERVED.filter(({ as }) => as === "operator"),
  "what is not there": NOT_THERE,
};

test("every page is looked at", () => {
  expect(Object.keys(VIEWS).sort()).toEqual(ROUTES);
});

for (const look of LOOKS) {
  for (const [area, views] of Object.entries(AREAS)) {
    test(`${area}, on a ${look.screen} in ${look.locale}`, async ({ browser, world }) => {
      await lookAt(browser, world, views, look);
    });
  }
}

for (const look of FULL ? LOOKS : LOOKS.slice(0, 1)) {
  test(`an organisation where nothing has happened, on a ${look.screen} in ${look.locale}`, async ({
    browser,
    world,
  }) => {
    await lookAt(browser, world, emptied(SERVED), look);
  });
}

for (const look of FULL ? LOOKS : LOOKS.slice(0, 1)) {
  test(`a hub of its own organisation, from set-up on, on a ${look.screen} in ${look.locale}`, async ({ browser }) => {
    const own = await startHub();
    try {
      const unset = ALL.filter(({ only }) => only === "unset");
      for (const one of FULL ? [look] : LOOKS) await lookAt(browser, unsetWorld(own), unset, one);
      await operatorApi(own, "/settings", { method: "PUT", body: { mode: "enterprise" } });
      const views = ALL.filter(({ only = "enterprise" }) => only === "enterprise");
      const chosen = FULL ? [...views, ...emptied(views)] : views.filter(({ varies, only }) => varies || only);
      await lookAt(browser, await buildWorld(browser, own, "enterprise"), chosen, look);
    } finally {
      await own.stop();
    }
  });
}

async function lookAt(browser: Browser, world: World, views: readonly NamedView[], { screen, locale }: Look) {
  test.setTimeout(60_000 + views.length * 20_000);
  const options = { ...SCREENS[screen], locale, colorScheme: "light" } as const;
  await visit(browser, world, views, options, async (page, path, { as, status }) => {
    const found = await inspect(page, { path, locale, ...(status && { status }) });
    expect.soft(found, `${path} for ${as}`).toEqual([]);
  });
}
