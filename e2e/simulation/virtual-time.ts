import type { Clock } from "@/lib/clock";

/** Whose turn it is: timers belong to who sets them, and die or rest with it. */
export type Owner = { readonly name: string; dead: boolean; paused: boolean };

type Timer = { owner: Owner; at: number; order: number; everyMs: number | null; fire: () => void };

/** Shortly before midnight: budgets of the day begin anew under running calls. */
const START = Date.UTC(2031, 4, 14, 23, 59);
const realSetImmediate = globalThis.setImmediate;

/** Replaces the timers of this thread by ones that only move when told to. */
export class VirtualTime {
  elapsedMs = 0;
  private readonly timers = new Set<Timer>();
  private order = 0;
  private readonly real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
  };
  readonly clock: Clock = { now: () => START + this.elapsedMs, monotonic: () => this.elapsedMs };

  constructor(private current: Owner) {}

  install(): void {
    const set = (everyMs: (delayMs: number) => number | null) => (fire: () => void, delayMs?: number) => {
      const delay = Math.max(1, Number(delayMs ?? 0) || 0);
      const order = ++this.order;
      const timer = { owner: this.current, at: this.elapsedMs + delay, order, everyMs: everyMs(delay), fire };
      this.timers.add(timer);
      return Object.assign(timer, { ref: () => timer, unref: () => timer, hasRef: () => true });
    };
    const clear = (timer: Timer | null | undefined) => void (timer && this.timers.delete(timer));
    Object.assign(globalThis, {
      setTimeout: set(() => null),
      setInterval: set((delayMs) => delayMs),
      clearTimeout: clear,
      clearInterval: clear,
    });
  }

  uninstall(): void {
    Object.assign(globalThis, this.real);
  }

  /** Lets `owner` act, and everything that follows without waiting for time or for the world. */
  async turn(owner: Owner, act: () => void): Promise<void> {
    if (owner.dead) return;
    this.current = owner;
    act();
    // microtasks are through before an immediate runs; two, since a promise of Node's own may need one
    for (let round = 0; round < 2; round++) await new Promise<void>((resume) => realSetImmediate(() => resume()));
  }

  /** The earliest timer that may fire; null for none. */
  next(): Timer | null {
    let first: Timer | null = null;
    for (const timer of this.timers) {
      if (timer.owner.dead) this.timers.delete(timer);
      else if (
        !timer.owner.paused &&
        (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order))
      )
        first = timer;
    }
    return first;
  }

  async fire(timer: Timer): Promise<void> {
    this.elapsedMs = Math.max(this.elapsedMs, timer.at);
    if (timer.everyMs === null) this.timers.delete(timer);
    else timer.at = this.elapsedMs + timer.everyMs;
    await this.turn(timer.owner, timer.fire);
  }
}
