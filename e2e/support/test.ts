import { test as base } from "@playwright/test";
import type { HubUnderTest } from "@/e2e/support/setup";

/** Playwright's `test` with the shared hub: its address is the base URL, its keys are in `hub`. */
export const test = base.extend<object, { hub: HubUnderTest }>({
  hub: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the parameters, so an empty pattern is required
    async ({}, use) => {
      await use(JSON.parse(process.env.HUB_UNDER_TEST ?? "{}") as HubUnderTest);
    },
    { scope: "worker" },
  ],
  baseURL: async ({ hub }, use) => {
    await use(hub.url);
  },
});

export { expect } from "@playwright/test";
