import type { Settlement, Wallet } from "@/lib/billing/wallet";

/** Where finished calls go. Settling is off the response path: the answer does not wait for the commit. */
export type Recorder = {
  settle(settlement: Settlement): void;
  /** Settlements not yet committed. */
  readonly pending: number;
  /** Resolves when nothing is pending, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
};

export function createRecorder(deps: {
  wallet: Wallet;
  onError: (error: unknown, settlement: Settlement) => void;
}): Recorder {
  let pending = 0;
  let whenIdle: (() => void)[] = [];
  const done = () => {
    pending--;
    if (pending > 0) return;
    for (const wake of whenIdle) wake();
    whenIdle = [];
  };
  return {
    settle(settlement) {
      pending++;
      deps.wallet.settle(settlement).then(done, (error) => {
        deps.onError(error, settlement);
        done();
      });
    },
    get pending() {
      return pending;
    },
    drain(timeoutMs) {
      if (pending === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        whenIdle.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}
