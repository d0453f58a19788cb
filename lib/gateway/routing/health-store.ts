import type { Clock } from "@/lib/clock";
import { refusalOf } from "@/lib/gateway/providers/refusal";
import type { CredentialUse } from "@/lib/gateway/routing/credential-caps";
import { type Rest, RouteHealth } from "@/lib/gateway/routing/health";
import type { Sql } from "@/lib/pg";

const READ = `select target, openings, reason,
  greatest(0, ceil(extract(epoch from until - clock_timestamp()) * 1000))::float8 as "restMs" from breaker`;

const SYNC_CAPS = "select credential, calls, tokens from sync_credential_use($1, $2)";

export type HealthStore = {
  health: RouteHealth;
  /** Takes over what the nodes have found out. Never rejects: where the database does not answer, each knows its own. */
  sync(): Promise<void>;
  /** Adds what was counted since the last time to what all nodes counted. Never rejects; what could not be told is told later. */
  tell(): Promise<void>;
  /** Tells and hears the use of capped credentials. Never rejects. */
  syncCaps(): Promise<void>;
};

/** The health of all routes, written through to the database, which tells the other nodes (NOTIFY `hub_health`). Rests travel as
 *  durations, so that no two clocks need to agree. */
export function createHealthStore(deps: {
  sql: Sql;
  /** Unique per process. */
  node: string;
  clock: Clock;
  random: () => number;
  onError: (error: unknown) => void;
}): HealthStore {
  /** When each target was last written; one that is not written yet is newer than any reading. */
  const written = new Map<string, number>();
  let sequence = 0;
  let reading: Promise<void> | null = null;
  let isQueued = false;

  const share = ({ target, restMs, openings, reason }: Rest) => {
    written.set(target, Number.POSITIVE_INFINITY);
    deps.sql
      .query("select breaker_set($1, $2, $3, $4)", [target, restMs, openings, reason])
      .then(() => written.set(target, ++sequence), deps.onError);
  };
  const health = new RouteHealth(deps, {
    share,
    claim: (target, leaseMs) =>
      deps.sql.query<{ wait: number }>("select breaker_claim($1, $2) as wait", [target, leaseMs]).then(
        ({ rows: [row] }) => row?.wait ?? 0,
        (error: unknown) => {
          deps.onError(error);
          return 0;
        },
      ),
    release: (target) => void deps.sql.query("select breaker_release($1)", [target]).catch(deps.onError),
    disable(credential, failure) {
      const { status } = failure;
      const refusal = refusalOf(failure);
      const what = refusal === "balance" ? "credit of the credential's account is used up" : "credential";
      const reason = `The provider refused: the ${what}${status === null ? "" : ` (HTTP ${status})`}.`;
      deps.sql.query("select disable_credential($1, $2, $3)", [credential.id, reason, refusal]).catch(deps.onError);
    },
  });

  const read = async (): Promise<void> => {
    const begun = ++sequence;
    try {
      const { rows } = await deps.sql.query<Rest>(READ);
      health.adopt(rows, (target) => (written.get(target) ?? 0) > begun);
    } catch (error) {
      deps.onError(error);
    }
  };
  // one begun before the change that is asked about may have missed it
  const sync = (): Promise<void> => {
    if (reading) {
      isQueued = true;
      return reading;
    }
    reading = read().then(() => {
      reading = null;
      if (!isQueued) return;
      isQueued = false;
      return sync();
    });
    return reading;
  };
  const tell = async () => {
    const counts = health.counts.take();
    if (counts.length === 0) return;
    await deps.sql.query("select note_routes($1, $2)", [JSON.stringify(counts), deps.node]).catch((error) => {
      health.counts.restore(counts);
      deps.onError(error);
    });
  };
  const syncCaps = async () => {
    const untold = health.caps.untold();
    if (untold.length === 0) return;
    try {
      const { rows } = await deps.sql.query<CredentialUse>(SYNC_CAPS, [JSON.stringify(untold), deps.node]);
      health.caps.hear(rows);
    } catch (error) {
      health.caps.restore(untold);
      deps.onError(error);
    }
  };
  return { health, sync, tell, syncCaps };
}
