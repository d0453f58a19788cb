import type { Wallet } from "@/lib/billing/wallet";
import type { Clock } from "@/lib/clock";
import type { CallMeter } from "@/lib/gateway/meter/call-meter";

/** Every open hold is renewed this often, progress or not. */
const RENEW_AFTER_MS = 30_000;
const CHECKPOINT_MS = 250;
/** After the first content a checkpoint follows at once, but for this moment: a stream that is over by then is settled,
 *  which is stronger and saves the statement. */
const FIRST_CHECKPOINT_MS = 20;

/** `output` is the client's side, where it must be kept waiting. */
type Running = { meter: CallMeter; output: { tick(): void } | null };
/** At most one checkpoint of a call is under way, so that a database that is away gathers one item per call. */
type Ticking = Running & { isCheckpointing: boolean };

/** One timer for all running calls of a process: checkpoints what arrived every 250 ms, renews holds, keeps silent streams
 *  alive. A timer per call would cost more than the call. */
export type Ticker = {
  /** Returns the function that ends it. */
  add(running: Running): () => void;
  readonly size: number;
  /** How long the oldest call has run; 0 where none does. */
  readonly oldestMs: number;
  /** Ends what still runs: this process is about to. */
  abortAll(): void;
  stop(): void;
};

export function createTicker(deps: { wallet: Pick<Wallet, "checkpoint">; clock: Clock }): Ticker {
  const running = new Set<Ticking>();
  let fresh: Ticking[] = [];
  let freshTimer: NodeJS.Timeout | null = null;
  const checkpoint = (call: Ticking, progress: ReturnType<CallMeter["progress"]>) => {
    if (!progress) return;
    call.isCheckpointing = true;
    deps.wallet.checkpoint(progress).then(
      ({ state, amount, refusedBy }) => {
        call.isCheckpointing = false;
        if (call.meter.settled) return;
        // closed under us (swept after a long silence, or voided): reading on would be free of charge
        if (state !== "open") return call.meter.abort("closed");
        call.meter.heard({ amount, refused: progress.wantAmount !== null && refusedBy !== null });
        // used up before the extension was asked for, or by more than it brought
        if (call.meter.isUsedUp) checkpoint(call, call.meter.progress(RENEW_AFTER_MS));
      },
      // the wallet reports its own trouble; the call goes on under its hold
      () => {
        call.isCheckpointing = false;
      },
    );
  };
  const checkpointFresh = () => {
    const calls = fresh;
    fresh = [];
    freshTimer = null;
    for (const call of calls) if (!call.isCheckpointing) checkpoint(call, call.meter.firstProgress());
  };
  const timer = setInterval(() => {
    const now = deps.clock.monotonic();
    for (const call of running) {
      if (now - call.meter.startedAt > call.meter.longestMs) call.meter.abort("timeout");
      if (!call.isCheckpointing) checkpoint(call, call.meter.progress(RENEW_AFTER_MS));
      call.output?.tick();
    }
  }, CHECKPOINT_MS);
  timer.unref();
  return {
    add({ meter, output }) {
      const call: Ticking = { meter, output, isCheckpointing: false };
      running.add(call);
      meter.onUsedUp(() => {
        if (!call.isCheckpointing) checkpoint(call, meter.progress(RENEW_AFTER_MS));
      });
      meter.onFirstContent(() => {
        fresh.push(call);
        if (freshTimer === null) freshTimer = setTimeout(checkpointFresh, FIRST_CHECKPOINT_MS);
      });
      return () => running.delete(call);
    },
    get size() {
      return running.size;
    },
    get oldestMs() {
      const [oldest] = running;
      return oldest ? deps.clock.monotonic() - oldest.meter.startedAt : 0;
    },
    abortAll() {
      for (const { meter } of [...running]) meter.abort("shutdown");
    },
    stop: () => clearInterval(timer),
  };
}
