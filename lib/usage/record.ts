import type { Settlement, Wallet } from "@/lib/billing/wallet";
import type { Clock } from "@/lib/clock";
import { crashPoint } from "@/lib/crash-points";
import type { Spool } from "@/lib/usage/spool";

/** Where finished calls go. Settling is off the response path: the answer waits for the spool, not for the commit. */
export type Recorder = {
  /** Writes the settlement down and queues its commit. Call it before the last byte of the answer leaves. */
  settle(settlement: Settlement): void;
  /** Settles what an earlier life of this node wrote down but may not have committed. Safe to repeat. */
  replay(): Promise<number>;
  /** Settlements not yet committed. */
  readonly pending: number;
  /** How long the oldest of them has waited; 0 where there is none. */
  readonly oldestMs: number;
  /** Settlements the database refused since start. */
  readonly refused: number;
  /** Resolves when nothing is pending, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
};

export function createRecorder(deps: {
  wallet: Wallet;
  /** Null where there is no disk of our own (portable door): checkpoints alone cover a crash. */
  spool: Spool | null;
  /** The database refused this settlement; the sweeper closes its hold, and the next start of this node tries again. */
  onRefused: (error: unknown, requestId: string) => void;
  clock: Clock;
}): Recorder {
  /** When each was written down, oldest first. */
  const waiting = new Map<symbol, number>();
  let refused = 0;
  let whenIdle: (() => void)[] = [];
  const refuse = (error: unknown, requestId: string) => {
    refused++;
    deps.onRefused(error, requestId);
  };
  const done = (ticket: symbol) => {
    waiting.delete(ticket);
    if (waiting.size > 0) return;
    for (const wake of whenIdle) wake();
    whenIdle = [];
  };

  const commit = async (id: string, line: string) => {
    try {
      const { applied, priorState } = await deps.wallet.settle(line);
      // swept while it was under way: what it really cost is posted on top, once
      if (!applied && priorState === "expired") await deps.wallet.lateAdjust(line);
      if (!applied && priorState === "missing") refuse(new Error("no hold has this request id"), id);
    } catch (error) {
      deps.spool?.quarantine(line);
      refuse(error, id);
    }
  };

  return {
    settle(settlement) {
      const ticket = Symbol();
      waiting.set(ticket, deps.clock.monotonic());
      const line = JSON.stringify(settlement);
      crashPoint("spool.unwritten");
      const committed = deps.spool?.append(line);
      crashPoint("spool.written");
      void commit(settlement.id, line).finally(() => {
        crashPoint("settle.acknowledged");
        committed?.();
        crashPoint("spool.cleared");
        done(ticket);
      });
    },
    async replay() {
      if (!deps.spool) return 0;
      const { lines, discard } = deps.spool.leftovers();
      if (lines.length > 0) crashPoint("replay.read");
      const known = lines.flatMap((line) => {
        const id = idOf(line);
        return id === null ? [] : [{ id, line }];
      });
      await Promise.all(known.map(({ id, line }) => commit(id, line)));
      if (lines.length > 0) crashPoint("replay.settled");
      // a damaged line must not keep the gateway down; its file stays for whoever wants to look
      if (known.length === lines.length) discard();
      else refuse(new Error(`${lines.length - known.length} lines of the spool cannot be read`), "");
      if (lines.length > 0) crashPoint("replay.discarded");
      return known.length;
    },
    get pending() {
      return waiting.size;
    },
    get oldestMs() {
      const [since] = waiting.values();
      return since === undefined ? 0 : deps.clock.monotonic() - since;
    },
    get refused() {
      return refused;
    },
    drain(timeoutMs) {
      if (waiting.size === 0) return Promise.resolve();
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

function idOf(line: string): string | null {
  try {
    const { id } = JSON.parse(line) as Partial<Settlement>;
    return typeof id === "string" ? id : null;
  } catch {
    return null;
  }
}
