import type { FailureClass } from "@/lib/gateway/providers/define";
import type { Candidate } from "@/lib/gateway/routing/candidates";

/** What became of an attempt: upstream trouble is `failed`, 429 `limited`, our credential's trouble `refused`; `neutral` says
 *  nothing about the route, as when the client left or the request itself was wrong. */
export type AttemptVerdict = "ok" | "failed" | "limited" | "refused" | "neutral";

/** `firstTokenMs` is null where nothing was streamed; `tokens` are those of both directions. */
export type AttemptFigures = { latencyMs: number; firstTokenMs: number | null; outputTokens: number; tokens: number };

/** As note_routes of prisma/sql/health.sql takes it. */
export type RouteCount = Record<AttemptVerdict | "served" | "unserved" | "output_tokens" | "generation_ms", number> & {
  offer: string;
  credential: string | null;
  /** Class of its last failure. */
  error: FailureClass | "failure" | null;
  latency: number[];
  first_token: number[];
};

/** Lower bounds of all buckets but the first, in ms: latency_bounds() of prisma/sql/common.sql. */
export const LATENCY_BOUNDS_MS = [
  5, 9, 15, 27, 47, 82, 144, 251, 440, 770, 1347, 2357, 4125, 7219, 12633, 22108, 38688, 67704, 118483, 207345, 362853,
  634993, 1111238,
];

/** Counts attempts by route until somebody takes the counts away. */
export class RouteCounts {
  private counts = new Map<string, RouteCount>();
  /** Hears of every attempt; for this process's own metrics. */
  observer: ((candidate: Candidate, verdict: AttemptVerdict, figures: AttemptFigures | null) => void) | null = null;

  note(
    candidate: Candidate,
    verdict: AttemptVerdict,
    error: RouteCount["error"],
    figures: AttemptFigures | null,
  ): void {
    this.observer?.(candidate, verdict, figures);
    const count = this.countOf(candidate);
    count[verdict]++;
    if (error && verdict !== "neutral") count.error = error;
    // what failed quickly would make a failing route look fast
    if (verdict !== "ok" || !figures) return;
    observe(count.latency, figures.latencyMs);
    if (figures.firstTokenMs === null) return;
    observe(count.first_token, figures.firstTokenMs);
    count.output_tokens += figures.outputTokens;
    count.generation_ms += Math.max(0, Math.round(figures.latencyMs - figures.firstTokenMs));
  }

  /** How a call ended, for the model that was asked for: on the route where it began. */
  noteCall(first: Candidate, isServed: boolean): void {
    this.countOf(first)[isServed ? "served" : "unserved"]++;
  }

  take(): RouteCount[] {
    const taken = [...this.counts.values()];
    this.counts = new Map();
    return taken;
  }

  /** What could not be written is counted with what comes next. */
  restore(taken: readonly RouteCount[]): void {
    for (const old of taken) {
      const key = keyOf(old.offer, old.credential);
      const count = this.counts.get(key);
      if (count) addTo(count, old);
      else this.counts.set(key, old);
    }
  }

  private countOf({ offer, credential }: Candidate): RouteCount {
    const key = keyOf(offer.id, credential?.id ?? null);
    let count = this.counts.get(key);
    if (!count) {
      count = emptyCount(offer.id, credential?.id ?? null);
      this.counts.set(key, count);
    }
    return count;
  }
}

const SUMS = [
  ...(["ok", "failed", "limited", "refused", "neutral"] as const),
  ...(["served", "unserved", "output_tokens", "generation_ms"] as const),
];

function keyOf(offer: string, credential: string | null): string {
  return `${offer}/${credential ?? ""}`;
}

function emptyCount(offer: string, credential: string | null): RouteCount {
  const histogram = () => new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0);
  return {
    ...{ offer, credential, error: null, latency: histogram(), first_token: histogram() },
    ...{ ok: 0, failed: 0, limited: 0, refused: 0, neutral: 0, served: 0, unserved: 0 },
    ...{ output_tokens: 0, generation_ms: 0 },
  };
}

function addTo(count: RouteCount, other: RouteCount): void {
  for (const name of SUMS) count[name] += other[name];
  count.error ??= other.error;
  for (const name of ["latency", "first_token"] as const)
    count[name] = count[name].map((value, bucket) => value + (other[name][bucket] ?? 0));
}

function observe(histogram: number[], milliseconds: number): void {
  const above = LATENCY_BOUNDS_MS.findIndex((bound) => milliseconds < bound);
  const bucket = above < 0 ? LATENCY_BOUNDS_MS.length : above;
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}
