import { z } from "zod";
import { instantOut, usdOut } from "@/lib/fields";

const share = z.number().nullable();
const milliseconds = z.int().nullable();

const figures = z.object({
  attempts: z.int(),
  /** Of the attempts that say something about the route, from 0 to 1. */
  successShare: share,
  limited: z.int(),
  p50Ms: milliseconds,
  p95Ms: milliseconds,
  firstTokenP50Ms: milliseconds,
  firstTokenP95Ms: milliseconds,
  tokensPerSecond: z.number().nullable(),
});
/** Of the last five minutes, and of the last hour. */
const windows = { now: figures, hour: figures };

const processOut = z.object({
  id: z.string(),
  role: z.enum(["gateway", "web", "worker"]),
  startedAt: instantOut,
  beatAt: instantOut,
  /** No sign of life for 15 seconds. */
  isSilent: z.boolean(),
  rssBytes: z.number().nullable(),
  /** Of one core. */
  cpuShare: z.number().nullable(),
  running: z.int().nullable(),
  /** How long the database took to answer the last sign of life. */
  databaseMs: milliseconds,
  /** What 99 of 100 holds took at most, of those of the last five minutes. */
  holdP99Ms: milliseconds,
  /** How long the oldest call, and its hold, has run. */
  oldestCallMs: z.number().nullable(),
  /** How long the oldest finished call has waited to be booked. */
  oldestUnsettledMs: z.number().nullable(),
  /** Finished calls that the database refused to book since the process began; kept for its next start. */
  refused: z.int().nullable(),
  /** Where it writes. */
  disk: z.object({ freeBytes: z.number(), totalBytes: z.number() }).nullable(),
  configVersion: z.string().nullable(),
});
export type ProcessRow = z.infer<typeof processOut>;

const queueOut = z.object({
  task: z.string(),
  waiting: z.int(),
  running: z.int(),
  /** Tried no more by themselves. */
  failed: z.int(),
  oldestAt: instantOut.nullable(),
  lastError: z.string().nullable(),
});
export type QueueRow = z.infer<typeof queueOut>;

const breakerOut = z.object({
  target: z.string(),
  provider: z.string(),
  /** null: a pause of a credential for everything. */
  model: z.string().nullable(),
  credential: z.string().nullable(),
  state: z.enum(["open", "half_open", "resting"]),
  until: instantOut,
  openings: z.int(),
  reason: z.string(),
  isProbed: z.boolean(),
});
export type BreakerRow = z.infer<typeof breakerOut>;

const credentialFigures = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(["active", "resting", "disabled", "verifying", "needs_secret", "off"]),
  reason: z.string().nullable(),
  restingUntil: instantOut.nullable(),
  balance: z.string().nullable(),
  ...windows,
});
export type CredentialFigures = z.infer<typeof credentialFigures>;

const providerFigures = z.object({
  slug: z.string(),
  name: z.string(),
  enabled: z.boolean(),
  needsCredential: z.boolean(),
  ...windows,
  credentials: z.array(credentialFigures),
});
export type ProviderFigures = z.infer<typeof providerFigures>;

export const checkOut = z.object({
  id: z.string(),
  at: instantOut,
  provider: z.string(),
  credential: z.string().nullable(),
  origin: z.enum(["operator", "schedule", "breaker", "recheck"]),
  method: z.enum(["models", "key", "balance", "call"]).nullable(),
  ok: z.boolean(),
  /** Not ok, and not failed either: nothing could be asked. */
  isUnverified: z.boolean(),
  latencyMs: z.int(),
  error: z.string().nullable(),
});
export type CheckRow = z.infer<typeof checkOut>;

export const runOut = z.object({
  id: z.string(),
  total: z.int(),
  done: z.int(),
  failed: z.int(),
  isRunning: z.boolean(),
  isCancelled: z.boolean(),
  startedAt: instantOut,
});

const troubleOut = z.object({
  what: z.enum([
    ...([
      "brokenBooks",
      "refusedSettlements",
      "lateSettlements",
      "longHolds",
      "noGateway",
      "noWorker",
      "unserved",
      "bills",
      "fullDisk",
      "fullDatabase",
      "slowHolds",
    ] as const),
    ...(["silent", "refused", "open", "mail", "failedJobs", "lateJobs"] as const),
  ]),
  count: z.int(),
  /** The part of the health page that shows it, or the ledger. */
  at: z.enum(["ledger", "routes", "breakers", "processes", "queues"]),
});
export type Trouble = z.infer<typeof troubleOut>;

export const healthOut = z
  .object({
    at: instantOut,
    processes: z.array(processOut),
    database: z.object({
      bytes: z.number(),
      connections: z.int(),
      maxConnections: z.int(),
      version: z.string(),
      configVersion: z.string(),
      partitions: z.int(),
    }),
    queues: z.array(queueOut),
    /** The worker's way to send mail, and what stands in its queue. */
    mail: z.object({
      /** Its job in the queue. */
      task: z.string(),
      /** outbox: into files, where no server is set. null: not tried yet. */
      via: z.enum(["smtp", "outbox"]).nullable(),
      ok: z.boolean().nullable(),
      /** The folder, or why the server cannot be used. */
      detail: z.string(),
      waiting: z.int(),
      failed: z.int(),
    }),
    /** The last check of the ledger; null: there was none. */
    books: z.object({ violations: z.int(), checkedAt: instantOut }).nullable(),
    /** Bills of providers, of 35 days, that are not what was counted. */
    conspicuousBills: z.int(),
    breakers: z.array(breakerOut),
    providers: z.array(providerFigures),
    /** The latest ones. */
    checks: z.array(checkOut),
    /** What checks took that were calls, of 30 days, at today's costs; they stand in no ledger. */
    checkCalls: z.object({
      calls: z.int(),
      costUsd: usdOut,
      /** Of these nobody has said what they cost. */
      unpriced: z.int(),
    }),
    /** The last "test all". */
    run: runOut.nullable(),
    /** What of all this needs a look, the gravest first; empty: all is well. */
    troubles: z.array(troubleOut),
  })
  .meta({ id: "Health" });
export type Health = z.infer<typeof healthOut>;
