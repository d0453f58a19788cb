import type { Sql } from "@/lib/pg";

/** A call refused before it was admitted: it has no usage event, but its owner wants to see it. */
export type Refusal = {
  id: string;
  org: string;
  app: string;
  key: string;
  member: string | null;
  model: string;
  endpoint: string;
  dialect: string;
  stream: boolean;
  http_status: number;
  rule: string;
};

export type RefusalLog = {
  /** Never waits and never throws. */
  add(refusal: Refusal): void;
  flush(): Promise<void>;
};

const FLUSH_AFTER_MS = 200;
/** Beyond this a flood is only worth its first part; counting it must not cost memory. */
const MAX_QUEUED = 10_000;

/** Gathers refusals for a moment and writes them in one statement (`log_refusals` counts all and lists a few). */
export function createRefusalLog(deps: { sql: Sql; node: string; onError: (error: unknown) => void }): RefusalLog {
  let queue: Refusal[] = [];
  let timer: NodeJS.Timeout | null = null;
  const flush = async () => {
    if (timer) clearTimeout(timer);
    timer = null;
    const batch = queue;
    queue = [];
    if (batch.length === 0) return;
    await deps.sql.query("select log_refusals($1::jsonb, $2)", [JSON.stringify(batch), deps.node]).catch(deps.onError);
  };
  return {
    add(refusal) {
      if (queue.length >= MAX_QUEUED) return;
      queue.push(refusal);
      if (timer === null) timer = setTimeout(() => void flush(), FLUSH_AFTER_MS);
    },
    flush,
  };
}
