import type { Clock } from "@/lib/clock";
import type { SnapshotCredential } from "@/lib/gateway/snapshot";

/** What this node used of a credential since it last told, or the others within the last minute. */
export type CredentialUse = { credential: string; calls: number; tokens: number };

type Use = { calls: number; tokens: number };
type Known = { minute: number; now: Use; before: Use; untold: Use; others: Use; askedAt: number };

const MINUTE_MS = 60_000;
/** A credential that nobody has asked about for so long is not synchronised any more. */
const IDLE_MS = 2 * MINUTE_MS;

/** Calls and tokens a minute of credentials that have a cap. Each node counts for itself and hears once a second what the
 *  others did, so that a cap is approximate: all nodes together may exceed it by what they begin within a second. Tokens are
 *  known when an attempt ends. */
export class CredentialCaps {
  private readonly known = new Map<string, Known>();

  constructor(private readonly clock: Clock) {}

  /** True: the last minute holds as much as the credential may have. */
  isSpent({ id, rpm, tpm }: SnapshotCredential): boolean {
    if (rpm === null && tpm === null) return false;
    const known = this.knownOf(id);
    known.askedAt = this.clock.monotonic();
    const { calls, tokens } = this.within60s(known);
    return (rpm !== null && calls >= rpm) || (tpm !== null && tokens >= tpm);
  }

  begin({ id, rpm, tpm }: SnapshotCredential): void {
    if (rpm !== null || tpm !== null) this.add(id, { calls: 1, tokens: 0 });
  }

  end({ id, tpm }: SnapshotCredential, tokens: number): void {
    if (tpm !== null && tokens > 0) this.add(id, { calls: 0, tokens });
  }

  /** What the others have to know; each one that matters is in it, so that the answer names it. */
  untold(): CredentialUse[] {
    const now = this.clock.monotonic();
    for (const [id, { askedAt }] of this.known) if (now - askedAt > IDLE_MS) this.known.delete(id);
    return [...this.known].map(([credential, known]) => {
      const { calls, tokens } = known.untold;
      known.untold = { calls: 0, tokens: 0 };
      return { credential, calls, tokens };
    });
  }

  /** A synchronisation failed: what it would have told is told with the next one. */
  restore(untold: readonly CredentialUse[]): void {
    for (const { credential, calls, tokens } of untold) {
      const known = this.known.get(credential);
      if (!known) continue;
      known.untold.calls += calls;
      known.untold.tokens += tokens;
    }
  }

  hear(others: readonly CredentialUse[]): void {
    const told = new Map(others.map((use) => [use.credential, use]));
    for (const [id, known] of this.known) {
      const { calls = 0, tokens = 0 } = told.get(id) ?? {};
      known.others = { calls, tokens };
    }
  }

  private add(id: string, use: Use): void {
    const known = this.knownOf(id);
    for (const sum of [known.now, known.untold]) {
      sum.calls += use.calls;
      sum.tokens += use.tokens;
    }
    known.askedAt = this.clock.monotonic();
  }

  /** This minute, the part of the one before that still lies within 60 s, and the others. */
  private within60s({ now, before, others }: Known): Use {
    const part = 1 - (this.clock.now() % MINUTE_MS) / MINUTE_MS;
    return {
      calls: now.calls + before.calls * part + others.calls,
      tokens: now.tokens + before.tokens * part + others.tokens,
    };
  }

  private knownOf(id: string): Known {
    const minute = Math.floor(this.clock.now() / MINUTE_MS);
    const none = (): Use => ({ calls: 0, tokens: 0 });
    let known = this.known.get(id);
    if (!known) {
      known = { minute, now: none(), before: none(), untold: none(), others: none(), askedAt: 0 };
      this.known.set(id, known);
    }
    if (known.minute !== minute) {
      known.before = known.minute === minute - 1 ? known.now : none();
      known.now = none();
      known.minute = minute;
    }
    return known;
  }
}
