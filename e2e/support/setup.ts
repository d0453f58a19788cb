import { startHub } from "@/e2e/support/hub";

/** Playwright's global setup: the whole product once, for all specs that do not need one of their own. */
export default async function setup(): Promise<() => Promise<void>> {
  // fault tests have their own, and the machine to themselves
  if (process.env.HUB_TEST_RUNS === "chaos") return async () => {};
  const hub = await startHub();
  const { url, dataDir, managementKey, sandboxKey } = hub;
  process.env.HUB_UNDER_TEST = JSON.stringify({ url, dataDir, managementKey, sandboxKey } satisfies HubUnderTest);
  return async () => {
    await hub.stop();
  };
}

export type HubUnderTest = { url: string; dataDir: string; managementKey: string; sandboxKey: string };
