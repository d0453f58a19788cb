import type { Wallet } from "@/lib/billing/wallet";
import type { Clock } from "@/lib/clock";

const KEPT = 1_000;
const WINDOW_MS = 5 * 60_000;

/** How long holds took lately, refused ones too: the last thousand of five minutes. */
export class HoldTimes {
  private readonly kept: { at: number; ms: number }[] = [];
  private next = 0;

  constructor(private readonly clock: Pick<Clock, "monotonic">) {}

  /** The same wallet, measured. */
  measured(wallet: Wallet): Wallet {
    return {
      ...wallet,
      authorize: (...asked) => {
        const at = this.clock.monotonic();
        const held = wallet.authorize(...asked);
        held.then(
          () => this.note(this.clock.monotonic() - at),
          // what never came tells nothing of how long a hold takes
          () => {},
        );
        return held;
      },
    };
  }

  /** In ms: 99 of 100 took no longer. Null where there was none. */
  get p99Ms(): number | null {
    const since = this.clock.monotonic() - WINDOW_MS;
    const recent = this.kept.filter(({ at }) => at >= since).map(({ ms }) => ms);
    if (recent.length === 0) return null;
    recent.sort((a, b) => a - b);
    return Math.round(recent[Math.ceil(recent.length * 0.99) - 1] ?? 0);
  }

  private note(ms: number): void {
    this.kept[this.next] = { at: this.clock.monotonic(), ms };
    this.next = (this.next + 1) % KEPT;
  }
}
