import type { Logger } from "pino";
import type { Sql } from "@/lib/pg";

/** What a background job gets besides its payload. `sql` connects with the worker's database role. */
export type JobTools = {
  sql: Sql;
  log: Logger;
  /** Fires when the worker is asked to stop. */
  signal: AbortSignal;
};

/** A kind of background job: a file of its domain, and one line in `server/worker.ts`. Jobs may run twice and at once
 *  on several machines, so each must be idempotent; one that throws is tried again with growing pauses. */
export type Job = {
  /** snake_case; stored in the queue, so renaming it strands what waits there. */
  name: string;
  /** When it runs by itself, as `minute hour day month weekday` in UTC, once at a time over all workers; left out, it runs when
   *  somebody adds it. */
  schedule?: string;
  /** How often a failing one is tried; 25 when left out. Scheduled ones need 1: the next time comes anyway. */
  maxAttempts?: number;
  run(payload: unknown, tools: JobTools): Promise<void>;
};
