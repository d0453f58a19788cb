import type { Clock } from "@/lib/clock";
import type { Sql } from "@/lib/pg";

export type KeyUse = { orgId: string; keyId: string; secretHash: string; address: string };

export type KeyUses = {
  /** Costs a look into memory; what is new is written with its neighbours within a second. Best effort: a use lost in a
   *  crash is no money, and the next one writes it. */
  note(use: KeyUse): void;
  /** Writes what waits. */
  flush(): Promise<void>;
};

/** A row is written at most this often, so that a busy key costs a statement a minute. */
const WRITTEN_FOR_MS = 60_000;
const GATHER_MS = 500;
/** Of one process between two writes: whoever calls from more addresses is known by the first ones. */
const MAX_WAITING = 1_000;
const MAX_REMEMBERED = 50_000;

export function createKeyUses(deps: { sql: Sql; clock: Clock; onError: (error: unknown) => void }): KeyUses {
  const writtenAt = new Map<string, number>();
  let waiting: KeyUse[] = [];
  let timer: NodeJS.Timeout | null = null;

  const flush = async () => {
    if (timer) clearTimeout(timer);
    timer = null;
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    await deps.sql.query({ text: WRITE_USES, values: [JSON.stringify(batch)] }).catch(deps.onError);
  };

  return {
    flush,
    note(use) {
      const id = `${use.secretHash} ${use.address}`;
      const now = deps.clock.monotonic();
      if (now - (writtenAt.get(id) ?? Number.NEGATIVE_INFINITY) < WRITTEN_FOR_MS || waiting.length >= MAX_WAITING)
        return;
      if (writtenAt.size >= MAX_REMEMBERED) writtenAt.clear();
      writtenAt.set(id, now);
      waiting.push(use);
      timer ??= setTimeout(() => void flush(), GATHER_MS).unref();
    },
  };
}

// The join leaves out keys that were deleted meanwhile; the order keeps two gateways from waiting for each other in a circle.
const WRITE_USES = `insert into key_use as u (org_id, key_id, secret_hash, address, last_at)
  select k.org_id, k.id, x."secretHash", x.address, clock_timestamp()
  from jsonb_to_recordset($1::jsonb) as x("keyId" text, "secretHash" text, address text) join api_key k on k.id = x."keyId"
  order by k.id, x."secretHash", x.address
  on conflict (key_id, secret_hash, address) do update set last_at = greatest(u.last_at, excluded.last_at)`;
