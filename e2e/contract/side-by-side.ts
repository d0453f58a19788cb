import { vi } from "vitest";
import type { RequestRecord, Truth } from "@/e2e/support/providers/truth";

let marks = 0;

/** The scenario under a name of its own: tests that run side by side each find their own request by it. */
export const own = (scenario: string) => `${scenario}${scenario.includes(":") ? "," : ":"}mark-${++marks}`;

/** Waits until it holds. Not expect.poll, which knows one test at a time. */
export const until = <Result>(holds: () => Result) => vi.waitFor(holds, { timeout: 5_000, interval: 20 });

/** The upstream's record of a call, once it has arrived there. */
export const recordOf = (truth: Truth, upstream: string): Promise<RequestRecord> =>
  until(() => {
    const record = truth.requests.find(({ model }) => model === upstream);
    if (!record) throw new Error(`nothing reached ${upstream}`);
    return record;
  });
