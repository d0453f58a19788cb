import { defineConfig } from "@playwright/test";
import { BROWSER_FLAGS, type Browser, findBrowser } from "./e2e/support/browser";

// Two runs in one checkout must not clear each other's traces.
process.env.HUB_TEST_RUN ??= String(process.pid);
// Found once, in the first process that loads this file; the workers inherit the answer.
process.env.HUB_TEST_BROWSER ??= JSON.stringify(await findBrowser());
const { executablePath, env = {} } = JSON.parse(process.env.HUB_TEST_BROWSER) as Browser;

/** By the run that scripts/test.mjs asks for. */
const FILES: Record<string, string> = {
  full: "**/pages.spec.ts",
  screenshots: "**/screenshots.ts",
  chaos: "faults/*.spec.ts",
};

export default defineConfig({
  testDir: "e2e",
  testMatch: FILES[process.env.HUB_TEST_RUNS ?? ""] ?? "**/*.spec.ts",
  outputDir: `test-results/${process.env.HUB_TEST_RUN}`,
  globalSetup: "./e2e/support/setup.ts",
  fullyParallel: true,
  // Tests wait half of their time, so three keep two processors busy; what chaos measures must not share the machine.
  workers: process.env.HUB_TEST_RUNS === "chaos" ? 1 : 3,
  forbidOnly: true,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions: { executablePath, args: BROWSER_FLAGS, env: { ...process.env, ...env } as Record<string, string> },
    // pictures of every step would take a quarter of the processor
    trace: { mode: "retain-on-failure", screenshots: false, snapshots: false },
    // what cannot be pressed says so, instead of using up the test's time
    actionTimeout: 20_000,
  },
});
