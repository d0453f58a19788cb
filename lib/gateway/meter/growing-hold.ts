import { SLICE_TOKENS } from "@/lib/gateway/hold-size";
import type { Nano } from "@/lib/money";

/** What of an admitted call's hold the meter must know. */
export type Slicing = {
  granted: Nano;
  /** What one extension adds: the price of SLICE_TOKENS at the dearest rate. */
  slice: Nano;
  /** Output tokens that an amount pays for beside the input held for. */
  affords(amount: Nano): number;
};

/** The hold of a stream: it is extended slice by slice as the answer comes, and the answer stops where it may not grow. */
export class GrowingHold {
  private accrued = 0n;
  private granted: Nano;
  /** Output tokens that the rest of the hold pays for, beside what was accounted for. */
  tokensLeft: number;
  /** Nothing more may be read until it was extended. */
  isUsedUp = false;

  constructor(private readonly slicing: Slicing) {
    this.granted = slicing.granted;
    // before anything was counted the input takes what was held for it
    this.tokensLeft = slicing.affords(slicing.granted);
  }

  /** `accrued` is what the answer costs so far. */
  account(accrued: Nano): void {
    this.accrued = accrued;
    this.measure();
  }

  /** The hold is `amount` now. */
  grow(amount: Nano): void {
    if (amount > this.granted) this.granted = amount;
    this.measure();
  }

  /** The whole hold wished for: another slice from 70 % on, null below. */
  get wish(): Nano | null {
    if (this.accrued * 10n < this.granted * 7n) return null;
    return (this.accrued > this.granted ? this.accrued : this.granted) + this.slicing.slice;
  }

  private measure(): void {
    const rest = this.granted - this.accrued;
    this.tokensLeft = rest <= 0n ? 0 : Number((rest * BigInt(SLICE_TOKENS)) / this.slicing.slice);
  }
}
