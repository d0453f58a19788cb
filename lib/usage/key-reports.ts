import { AppError } from "@/lib/errors";
import { type Nano, toNano } from "@/lib/money";
import type { Sql } from "@/lib/pg";
import { type CallReceipt, type ReceiptRow, toReceipt } from "@/lib/usage/key-receipt";

/** One settled call, late adjustments included. Amounts in nano-USD; tokens in are inclusive of cached ones, tokens out of
 *  reasoning. */
export type Generation = {
  id: string;
  upstreamId: string | null;
  model: string;
  provider: string | null;
  startedAt: Date;
  stream: boolean;
  outcome: string;
  finishReason: string | null;
  latencyMs: number | null;
  firstTokenMs: number | null;
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  usageSource: string;
  /** null: the model had no price. */
  priceNano: Nano | null;
  receipt: CallReceipt;
};

export type KeySummary = {
  label: string;
  usageNano: Nano;
  expiresAt: Date | null;
  rpm: number | null;
  budgets: { budgetNano: Nano; spentNano: Nano; heldNano: Nano; resetAt: Date | null }[];
};

export type CreditSummary = { postedNano: Nano; heldNano: Nano; floorNano: Nano | null; usedNano: Nano };

export type KeyUsageGroup = "day" | "hour" | "model";
export type KeyUsageRow = {
  name: string;
  calls: number;
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  priceNano: Nano;
  unpricedCalls: number;
};

type KeyOf = { orgId: string; keyId: string };

/** What an app may read about its own money. Every question names the organisation. Throws unavailable without a database. */
export type KeyReports = {
  /** By our request id or by the id in an answer's body, then the newest such call. "pending": not settled yet. */
  findGeneration(orgId: string, id: string): Promise<Generation | "pending" | null>;
  /** Null where the key has just been removed. */
  readKey(key: KeyOf): Promise<KeySummary | null>;
  readCredits(orgId: string): Promise<CreditSummary | null>;
  /** Ascending by name, after `after`. */
  listUsage(
    key: KeyOf,
    query: { start: Date; end: Date; groupBy: KeyUsageGroup; after: string | null; limit: number },
  ): Promise<KeyUsageRow[]>;
};

export function createKeyReports({ sql }: { sql: Sql }): KeyReports {
  const read = async <Row>(text: string, values: unknown[]): Promise<Row[]> => {
    const { rows } = await sql.query(text, values).catch((cause: unknown) => {
      throw new AppError("unavailable", "The hub cannot reach its database. Try again in a moment.", {
        retryAfterMs: 2_000,
        cause,
      });
    });
    return rows as Row[];
  };
  return {
    async findGeneration(orgId, id) {
      const ids = requestIds(id);
      for (const candidate of ids) {
        const events = await read<EventRow>("select * from find_usage($1, $2)", [orgId, candidate]);
        const [call] = events;
        if (!call) continue;
        const own = events.find(({ kind }) => kind === "call") ?? call;
        const [found] = await read<{ receipt: ReceiptRow }>("select find_receipt($1, $2) as receipt", [orgId, own.id]);
        if (found) return { ...toGeneration(events), receipt: toReceipt(found.receipt) };
      }
      const [open] = await read<{ open: boolean }>("select is_call_open($1, $2) as open", [orgId, ids]);
      return open?.open ? "pending" : null;
    },
    async readKey({ orgId, keyId }) {
      const [row] = await read<{ key: KeyRow | null }>("select key_summary($1, $2) as key", [orgId, keyId]);
      return row?.key ? toKey(row.key) : null;
    },
    async readCredits(orgId) {
      const [row] = await read<Record<"posted" | "held" | "used", string> & { floor: string | null }>(
        "select * from credit_summary($1)",
        [orgId],
      );
      if (!row) return null;
      return {
        postedNano: toNano(row.posted),
        heldNano: toNano(row.held),
        floorNano: row.floor === null ? null : toNano(row.floor),
        usedNano: toNano(row.used),
      };
    },
    async listUsage({ orgId, keyId }, { start, end, groupBy, after, limit }) {
      const rows = await read<UsageRow>("select * from key_usage($1, $2, $3, $4, $5, $6, $7)", [
        ...[orgId, keyId, start, end, groupBy, after, limit],
      ]);
      return rows.map((row) => ({
        name: row.name,
        calls: Number(row.calls),
        inputTokens: Number(row.input),
        outputTokens: Number(row.output),
        cachedTokens: Number(row.cached),
        reasoningTokens: Number(row.reasoning),
        priceNano: toNano(row.price),
        unpricedCalls: Number(row.unpriced),
      }));
    },
  };
}

/** What the id may stand for. Translated answers carry our request id in their dialect's clothes. */
function requestIds(id: string): string[] {
  const [, own] = /^(?:chatcmpl-|msg_|resp_|cmpl-)([0-9a-z]{26,})$/.exec(id) ?? [];
  return own ? [id, `req_${own}`] : [id];
}

type UsageRow = Record<"name" | "calls" | "input" | "output" | "cached" | "reasoning" | "price" | "unpriced", string>;

type KeyRow = {
  label: string;
  expires_at: string | null;
  usage: string;
  rpm: number | null;
  budgets: { budget: string; held: string; spent: string; reset_at: string | null }[];
};

function toKey({ label, expires_at, usage, rpm, budgets }: KeyRow): KeySummary {
  return {
    label,
    rpm,
    usageNano: toNano(usage),
    expiresAt: expires_at === null ? null : new Date(expires_at),
    budgets: budgets.map(({ budget, held, spent, reset_at }) => ({
      budgetNano: toNano(budget),
      heldNano: toNano(held),
      spentNano: toNano(spent),
      resetAt: reset_at === null ? null : new Date(reset_at),
    })),
  };
}

const INPUT_COLUMNS = [
  ...["input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"],
  ...["audio_input_tokens", "image_input_tokens", "video_input_tokens"],
];
const OUTPUT_COLUMNS = ["output_tokens", "reasoning_tokens", "audio_output_tokens", "image_output_tokens"];

type EventRow = Record<string, number> & {
  id: string;
  kind: string;
  upstream_id: string | null;
  model_id: string;
  provider: string | null;
  started_at: Date;
  stream: boolean;
  outcome: string;
  finish_reason: string | null;
  latency_ms: number | null;
  first_token_ms: number | null;
  usage_source: string;
  price_nano: string | null;
};

function toGeneration(events: EventRow[]): Omit<Generation, "receipt"> {
  // safe because find_usage returns adjustments only beside their call
  const call = events.find(({ kind }) => kind === "call") as EventRow;
  const sum = (...columns: string[]) =>
    events.reduce((total, event) => columns.reduce((part, column) => part + Number(event[column] ?? 0), total), 0);
  const prices = events.flatMap(({ price_nano }) => (price_nano === null ? [] : [toNano(price_nano)]));
  return {
    id: call.id,
    upstreamId: call.upstream_id,
    model: call.model_id,
    provider: call.provider,
    startedAt: call.started_at,
    stream: call.stream,
    outcome: call.outcome,
    finishReason: call.finish_reason,
    latencyMs: call.latency_ms,
    firstTokenMs: call.first_token_ms,
    inputTokens: sum(...INPUT_COLUMNS),
    outputTokens: sum(...OUTPUT_COLUMNS),
    cachedTokens: sum("cache_read_tokens"),
    reasoningTokens: sum("reasoning_tokens"),
    usageSource: call.usage_source,
    priceNano: prices.length > 0 ? prices.reduce((total, price) => total + price, 0n) : null,
  };
}
