import { Batcher, type BatchOutcome, Lane, type Recovery, type Trouble } from "@/lib/batcher";
import type { Usage, UsageSource } from "@/lib/billing/usage";
import { amidCrashPoints } from "@/lib/crash-points";
import { AppError } from "@/lib/errors";
import { type Nano, toNano } from "@/lib/money";
import type { Sql } from "@/lib/pg";
import type { RouteRow } from "@/lib/usage/route-record";

/** What `authorize_batch` needs to hold credit for one call. Amounts in nano-USD. */
export type HoldRequest = {
  orgId: string;
  requestId: string;
  keyId: string;
  appId: string;
  memberId: string | null;
  modelId: string;
  /** What the sweeper needs to write the event if this process dies. */
  context: { endpoint: string; dialect: string; stream: boolean; client_retry: number | null; client?: string };
  inputHash: string;
  amount: Nano;
  /** The least that makes sense: below it the call is refused. */
  minAmount: Nano;
  unitRate: Nano;
  priceVersionId: string | null;
  tokensEstimate: number;
  restrictedOk: boolean;
  /** The client's Idempotency-Key: two nodes cannot run it twice. */
  idempotency: IdempotencyClaim | null;
};

/** `hash`: SHA-256 of the body, by which a key used for something else is noticed. */
export type IdempotencyClaim = { key: string; path: string; hash: string };

/** What a key may do in a minute, and did in the last one. */
export type KeyRates = { rpm: number | null; calls: number; tpm: number | null; tokens: number };

export type RefusalRule =
  | "key_revoked"
  | "key_expired"
  | "key_disabled"
  | "org_suspended"
  | "wallet_frozen"
  | "concurrency"
  | "rpm"
  | "tpm"
  | "tpm_too_large"
  /** Starter credit alone pays for one call a second. */
  | "starter_rate"
  | "budget"
  | "insufficient_credits"
  /** Credit would do, but not for this model. */
  | "restricted_credits"
  | "holds_only"
  | "idempotency_mismatch"
  | "idempotency_in_flight"
  | "idempotency_replay"
  | "idempotency_replay_unavailable"
  | "voided"
  | "no_wallet"
  /** A newer boot has this node's name. */
  | "fenced";

export type BudgetPeriod = "day" | "week" | "month" | "total";

export type HoldAnswer =
  | { granted: true; amount: Nano; available: Nano | null; rates: KeyRates | null }
  | {
      granted: false;
      rule: RefusalRule;
      /** Whose limit; for idempotency rules the request that has the key. */
      scope: string | null;
      limit: Nano | null;
      /** Of the budget that refused. */
      period: BudgetPeriod | null;
      used: Nano | null;
      resetAt: string | null;
      retryAfterMs: number | null;
      available: Nano | null;
      rates: KeyRates | null;
    };

export type Progress = {
  orgId: string;
  requestId: string;
  attempt: number;
  usage: Usage;
  units: number;
  accrued: Nano;
  accruedCost: Nano;
  /** The whole hold wished for; null where it need not grow. Asking again asks for nothing more. */
  wantAmount: Nano | null;
  /** Another model answers: the hold becomes `wantAmount` at its price, or stays as it was (`refusedBy`). Only before any
   *  output. */
  repin?: { modelId: string; priceVersionId: string | null; restrictedOk: boolean };
  /** Facts about the attempt that answers, merged into the hold's context. */
  context: Record<string, string | number | boolean | null>;
};

export type ProgressAnswer = {
  state: string;
  /** The hold as it is now; null where there is none. */
  amount: Nano | null;
  /** Why nothing more could be held. */
  refusedBy: string | null;
  /** What wallet and budgets leave this call, its hold included; null where nothing bounds it or it was not asked. */
  available: Nano | null;
};

/** What an attempt used, beside what its provider said in its own words and what was odd about that. */
export type AttemptUsage = Usage & { reported?: unknown; anomalies?: readonly string[] };

export type AttemptRecord = {
  offer: string | null;
  provider: string;
  upstream_model: string;
  credential: string | null;
  outcome: string;
  http_status: number | null;
  usage: AttemptUsage | null;
  cost: string | null;
  cost_version: string | null;
  first_token_ms: number | null;
  latency_ms: number | null;
  /** Class of the failure, where it is known. */
  reason?: string;
  /** With the first attempt of a call that had a choice. */
  routing?: readonly RouteRow[];
};

/** One finished call, as `settle_batch` takes it. JSON-ready: amounts are integer strings of nano-USD. */
export type Settlement = {
  org: string;
  id: string;
  outcome: string;
  http_status: number;
  price: string | null;
  cost: string | null;
  waste: string;
  usage: Usage;
  usage_source: UsageSource;
  provider: string | null;
  upstream_model: string | null;
  credential: string | null;
  route: string | null;
  upstream_id: string | null;
  finish_reason: string | null;
  latency_ms: number;
  first_token_ms: number | null;
  client_retry: number | null;
  attempts: AttemptRecord[];
  idempotency?: {
    key: string;
    path: string;
    state: "done" | "unreplayable" | "failed";
    response?: { status: number; body: string };
  };
};

export type SettleAnswer = { applied: boolean; priorState: string };

/** The money path of one gateway process: coalesced statements (`lib/batcher.ts`) over its own pool. While the database is
 *  away they wait for it; what it refuses for good rejects. */
export type Wallet = {
  /** Holds the worst-case price against the organisation's wallet and every limit of its key, app, member and
   *  organisation. Idempotent per request id. A hold nobody settles is closed by the sweeper. A request for which
   *  `isAbandoned` says true is not sent any more, and voided where it may have been. Throws unavailable where the database
   *  lacks the function or its grant, and where more than 50,000 items wait already. */
  authorize(request: HoldRequest, isAbandoned?: () => boolean): Promise<HoldAnswer>;
  /** Raises the progress of a running stream, renews its hold and, if asked, extends it by what fits. A state other than `open` means: abort upstream. */
  checkpoint(progress: Progress): Promise<ProgressAnswer>;
  /** Closes the hold and writes event, ledger and rollup. Takes a `Settlement` as JSON text, which the caller has anyway.
   *  Exactly once per request id however often it is repeated. */
  settle(settlementJson: string): Promise<SettleAnswer>;
  /** Posts the difference between the truth and what the sweeper charged; once per request. */
  lateAdjust(settlementJson: string): Promise<void>;
  /** Gives back a hold whose caller gave up before anything went upstream. Safe for unknown ids. Tried until the database
   *  has acknowledged it, since callers give up when it does not answer; never rejects: what the database refuses for good
   *  is left to the sweeper. */
  voidHold(requestId: string, orgId: string): Promise<void>;
  /** Statements and items per verb since start, for metrics. */
  statistics(): Record<"authorize" | "checkpoint" | "settle", { statements: number; items: number; depth: number }>;
};

/** Longest a hold stays open without renewal; the sweeper acts 15 s later. */
export const HOLD_TTL_SECONDS = 120;
const MAX_BATCH = 500;
/** More than this is waiting: the database has been away for long, and every new call would make it longer. */
const MAX_PENDING = 50_000;

export type WalletVerb = "authorize" | "checkpoint" | "settle" | "void" | "adjust";

export function createWallet(deps: {
  sql: Sql;
  node: string;
  epoch: string;
  named: boolean;
  /** Hears of statements that failed: at once, then at most every 10 s for each verb. */
  onTrouble: (verb: WalletVerb, error: unknown, trouble: Trouble) => void;
}): Wallet {
  const call = <Row>(verb: "authorize" | "checkpoint" | "settle", text: string) => {
    const statement = deps.named ? { name: `${verb}_batch`, text } : { text };
    return async (itemsJson: string): Promise<Row[]> => {
      const values = [itemsJson, deps.node, deps.epoch];
      return (await amidCrashPoints(verb, () => deps.sql.query({ ...statement, values }))).rows as Row[];
    };
  };
  const authorizeRows = call<AuthorizeRow>("authorize", AUTHORIZE);
  const checkpointRows = call<CheckpointRow>("checkpoint", "select * from checkpoint_batch($1::jsonb, $2, $3::bigint)");
  const settleRows = call<SettleRow>("settle", "select * from settle_batch($1::jsonb, $2, $3::bigint)");

  // all three lock wallets: in one process they take turns, between processes a locked wallet's items come again
  const lane = new Lane();
  const optionsOf = (verb: WalletVerb) => ({
    max: MAX_BATCH,
    onError: recoveryOf,
    onTrouble: (error: unknown, trouble: Trouble) => deps.onTrouble(verb, error, trouble),
  });
  const authorize = new Batcher<Hold, HoldAnswer>(
    async (items) => inOrder(items.length, await authorizeRows(JSON.stringify(items.map(holdItem))), holdAnswer),
    {
      ...optionsOf("authorize"),
      lane,
      isAbandoned: ({ request, isAbandoned }, wasSent) => {
        if (!isAbandoned?.()) return false;
        // the answer may have been lost, not the hold
        if (wasSent) void voidHold(request.requestId);
        return true;
      },
    },
  );
  const checkpoint = new Batcher<Progress, ProgressAnswer>(
    async (items) =>
      inOrder(items.length, await checkpointRows(JSON.stringify(items.map(progressItem))), progressAnswer),
    { ...optionsOf("checkpoint"), lane },
  );
  const settle = new Batcher<string, SettleAnswer>(
    async (items) =>
      inOrder(items.length, await settleRows(`[${items.join(",")}]`), (row) => ({
        applied: row.applied,
        priorState: row.prior_state,
      })),
    { ...optionsOf("settle"), lane },
  );

  const voided = new Batcher<string, void>(async (ids) => {
    await amidCrashPoints("void", () =>
      deps.sql.query("select void_holds($1::text[], $2, $3::bigint)", [ids, deps.node, deps.epoch]),
    );
    return ids.map(() => ({ result: undefined }));
  }, optionsOf("void"));
  const voidHold = (requestId: string) => voided.add(requestId).catch(() => {});

  const adjusted = new Batcher<string, void>(
    async (items) => {
      const values = [`[${items.join(",")}]`];
      await amidCrashPoints("adjust", () => deps.sql.query("select * from late_adjust($1::jsonb)", values));
      return items.map(() => ({ result: undefined }));
    },
    { ...optionsOf("adjust"), lane },
  );

  return {
    authorize(request, isAbandoned) {
      if (authorize.depth + settle.depth + adjusted.depth >= MAX_PENDING) return Promise.reject(unavailable());
      return authorize.add({ request, isAbandoned }).catch((error: unknown) => {
        throw isUnusable(error) ? unavailable(error) : error;
      });
    },
    checkpoint: (progress) => checkpoint.add(progress),
    settle: (settlementJson) => settle.add(settlementJson),
    lateAdjust: (settlementJson) => adjusted.add(settlementJson),
    voidHold,
    statistics: () => ({
      authorize: count(authorize),
      checkpoint: count(checkpoint),
      settle: count(settle),
    }),
  };
}

const AUTHORIZE = `select * from authorize_batch($1::jsonb, $2, $3::bigint, interval '${HOLD_TTL_SECONDS} seconds')`;

type Hold = { request: HoldRequest; isAbandoned: (() => boolean) | undefined };

type AuthorizeRow = {
  ord: number;
  skipped: boolean;
  granted: boolean;
  amount: string;
  refused_by: RefusalRule | null;
  scope: string | null;
  limit_value: string | null;
  used_value: string | null;
  reset_at: Date | null;
  retry_after_ms: number | null;
  available: string | null;
  rates: KeyRates | null;
  period: BudgetPeriod | null;
};
type CheckpointRow = {
  ord: number;
  skipped: boolean;
  state: string;
  amount: string | null;
  refused_by: string | null;
  available: string | null;
};
type SettleRow = { ord: number; skipped: boolean; applied: boolean; prior_state: string };

/** A value the database refuses (classes 22 and 23) is one poison item: split until it stands alone. A missing function or
 *  grant is not mended by waiting. Everything else (connection lost, lock timeout, restart) is worth the same items again: the
 *  functions are safe to repeat. */
function recoveryOf(error: unknown): Recovery {
  if (isUnusable(error)) return "fail";
  return /^(22|23)/.test(sqlState(error)) ? "split" : "retry";
}

function isUnusable(error: unknown): boolean {
  return sqlState(error).startsWith("42");
}

function sqlState(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "";
}

function unavailable(cause?: unknown): AppError {
  return new AppError("unavailable", "The hub cannot use its database. You were not charged. Try again in a moment.", {
    retryAfterMs: 2_000,
    cause,
  });
}

function inOrder<Row extends { ord: number; skipped: boolean }, Result>(
  length: number,
  rows: Row[],
  toResult: (row: Row) => Result,
): BatchOutcome<Result>[] {
  const outcomes = new Array<BatchOutcome<Result>>(length);
  for (const row of rows) outcomes[row.ord - 1] = row.skipped ? { again: true } : { result: toResult(row) };
  return outcomes;
}

function holdItem({ request }: Hold) {
  return {
    org: request.orgId,
    id: request.requestId,
    key: request.keyId,
    app: request.appId,
    member: request.memberId,
    model: request.modelId,
    ctx: request.context,
    input_hash: request.inputHash,
    amount: request.amount.toString(),
    min_amount: request.minAmount.toString(),
    unit_rate: request.unitRate.toString(),
    price_version: request.priceVersionId,
    tokens_estimate: request.tokensEstimate,
    restricted_ok: request.restrictedOk,
    ...(request.idempotency && { idempotency: request.idempotency }),
  };
}

function holdAnswer(row: AuthorizeRow): HoldAnswer {
  const available = row.available === null ? null : toNano(row.available);
  const { rates } = row;
  if (row.granted) return { granted: true, amount: toNano(row.amount), available, rates };
  return {
    granted: false,
    rule: row.refused_by ?? "insufficient_credits",
    scope: row.scope,
    period: row.period,
    limit: row.limit_value === null ? null : toNano(row.limit_value),
    used: row.used_value === null ? null : toNano(row.used_value),
    resetAt: row.reset_at?.toISOString() ?? null,
    retryAfterMs: row.retry_after_ms,
    available,
    rates,
  };
}

function progressItem(progress: Progress) {
  return {
    org: progress.orgId,
    id: progress.requestId,
    attempt: progress.attempt,
    usage: progress.usage,
    units: progress.units,
    accrued: progress.accrued.toString(),
    accrued_cost: progress.accruedCost.toString(),
    ctx: progress.context,
    ...(progress.wantAmount !== null && { want_amount: progress.wantAmount.toString() }),
    ...(progress.repin && {
      model: progress.repin.modelId,
      price_version: progress.repin.priceVersionId,
      restricted_ok: progress.repin.restrictedOk,
    }),
  };
}

function progressAnswer(row: CheckpointRow): ProgressAnswer {
  return {
    state: row.state,
    amount: row.amount === null ? null : toNano(row.amount),
    refusedBy: row.refused_by,
    available: row.available === null ? null : toNano(row.available),
  };
}

function count(batcher: { statements: number; items: number; depth: number }) {
  return { statements: batcher.statements, items: batcher.items, depth: batcher.depth };
}
