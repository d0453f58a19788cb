import type { Clock } from "@/lib/clock";

const WINDOW_MS = 30_000;
const BUCKET_MS = 1_000;
const WINDOW_MIN_CALLS = 20;
const MAX_CONSECUTIVE = 5;
const REST_STEP_MS = 5_000;
const MAX_REST_MS = 300_000;
const JITTER = 0.2;
/** A probe that takes longer than this no longer keeps the next one away. */
export const PROBE_MS = 10_000;

export type BreakerState = "closed" | "open" | "half_open";

/** Ejects a route after 5 consecutive failures or when half of at least 20 calls within 30 s failed: 5 s for each opening in a
 *  row, 300 s at most, ± 20 %. When the rest is over, one call at a time probes it: a success closes, a failure opens again. */
export class Breaker {
  /** Openings in a row; 0 while closed. */
  openings = 0;
  private until = 0;
  private probeUntil = 0;
  private isProbing = false;
  private consecutive = 0;
  private buckets: { start: number; calls: number; failures: number }[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly random: () => number,
  ) {}

  get state(): BreakerState {
    if (this.openings === 0) return "closed";
    return this.clock.monotonic() < this.until ? "open" : "half_open";
  }

  /** Until a probe may be sent. */
  get restMs(): number {
    return Math.max(0, this.until - this.clock.monotonic());
  }

  /** Half-open, and a probe is under way, here or on another node. */
  get isProbed(): boolean {
    return this.state === "half_open" && this.clock.monotonic() < this.probeUntil;
  }

  /** Keeps further probes away until this one ends. */
  probe(leaseMs: number, isOwn: boolean): void {
    this.probeUntil = this.clock.monotonic() + leaseMs;
    this.isProbing = isOwn;
  }

  /** The probe ended without telling anything about the route. True: it was this node's own. */
  leave(): boolean {
    if (!this.isProbing || !this.isProbed) return false;
    this.probeUntil = 0;
    this.isProbing = false;
    return true;
  }

  /** True: it closed. */
  succeed(): boolean {
    this.count(false);
    this.consecutive = 0;
    // a call from before the opening says nothing about now
    if (this.state !== "half_open") return false;
    this.close();
    return true;
  }

  /** True: it opened, or opened again. */
  fail(): boolean {
    this.count(true);
    this.consecutive++;
    if (this.state === "open") return false;
    if (this.state === "closed" && this.consecutive < MAX_CONSECUTIVE && !this.isMostlyFailing()) return false;
    const jitter = 1 - JITTER + 2 * JITTER * this.random();
    this.open(Math.round(Math.min(MAX_REST_MS, REST_STEP_MS * (this.openings + 1)) * jitter), this.openings + 1);
    return true;
  }

  /** Also for what another node found out. */
  open(restMs: number, openings: number): void {
    this.openings = openings;
    this.until = this.clock.monotonic() + restMs;
    this.probeUntil = 0;
    this.isProbing = false;
  }

  close(): void {
    this.openings = 0;
    this.probeUntil = 0;
    this.isProbing = false;
    this.consecutive = 0;
    this.buckets = [];
  }

  private count(failed: boolean): void {
    const now = this.clock.monotonic();
    const start = now - (now % BUCKET_MS);
    let last = this.buckets.at(-1);
    if (last?.start !== start) {
      this.buckets = this.buckets.filter((bucket) => bucket.start > now - WINDOW_MS);
      last = { start, calls: 0, failures: 0 };
      this.buckets.push(last);
    }
    last.calls++;
    if (failed) last.failures++;
  }

  private isMostlyFailing(): boolean {
    const since = this.clock.monotonic() - WINDOW_MS;
    const recent = this.buckets.filter(({ start }) => start > since);
    const calls = recent.reduce((sum, bucket) => sum + bucket.calls, 0);
    const failures = recent.reduce((sum, bucket) => sum + bucket.failures, 0);
    return calls >= WINDOW_MIN_CALLS && failures * 2 >= calls;
  }
}
