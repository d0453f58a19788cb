import type { IncomingHttpHeaders } from "node:http";

/** What the upstream really produced, in exclusive classes: `input` without cache, `output` without reasoning. */
export type TrueUsage = {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  cacheWrite1h: number;
  output: number;
  reasoning: number;
};

/** One request as the simulator saw it. `tokens` counts what was written to the socket, reasoning included. */
export type RequestRecord = {
  number: number;
  /** The id in the answer's body (`chatcmpl-…`, `msg_…`). */
  id: string;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  bodyText: string;
  body: Record<string, unknown> | null;
  model: string;
  /** The test's own mark: the request's `user` or `metadata.user_id`. */
  tag: string | null;
  stream: boolean;
  status: number;
  tokens: number;
  usage: TrueUsage;
  /** Searches that it ran, and bills apart. */
  searches: number;
  /** Whether a usage report reached the socket. */
  usageReported: boolean;
  outcome: "open" | "complete" | "client-gone" | "cut" | "error";
  startedAt: number;
  endedAt: number | null;
};

const KEPT_BYTES = 1024 * 1024;

/** Ground truth of one simulator: every request in order, a gauge of those in progress, and the bytes each was sent. */
export class Truth {
  #requests: RequestRecord[] = [];
  #sent = new WeakMap<RequestRecord, { chunks: Buffer[]; bytes: number }>();
  #next = 1;
  active = 0;
  peak = 0;

  begin(
    seen: Pick<RequestRecord, "method" | "path" | "headers" | "bodyText" | "body"> & { prefix: string },
  ): RequestRecord {
    const { prefix, ...rest } = seen;
    const number = this.#next++;
    const record: RequestRecord = {
      ...rest,
      number,
      id: `${prefix}${process.pid.toString(36)}${number.toString(36).padStart(8, "0")}`,
      model: typeof rest.body?.model === "string" ? rest.body.model : "",
      tag: tagOf(rest.body),
      stream: rest.body?.stream === true,
      status: 0,
      tokens: 0,
      usage: { input: 0, cacheRead: 0, cacheWrite: 0, cacheWrite1h: 0, output: 0, reasoning: 0 },
      searches: 0,
      usageReported: false,
      outcome: "open",
      startedAt: Date.now(),
      endedAt: null,
    };
    this.#requests.push(record);
    this.active++;
    this.peak = Math.max(this.peak, this.active);
    return record;
  }

  end(record: RequestRecord, outcome: RequestRecord["outcome"]): void {
    if (record.endedAt !== null) return;
    record.endedAt = Date.now();
    if (record.outcome === "open") record.outcome = outcome;
    this.active--;
  }

  keep(record: RequestRecord, chunk: Buffer): void {
    const kept = this.#sent.get(record) ?? { chunks: [], bytes: 0 };
    if (kept.bytes > KEPT_BYTES) return;
    kept.bytes += chunk.length;
    kept.chunks.push(chunk);
    this.#sent.set(record, kept);
  }

  /** The answer's body as written to the socket (the first MiB). */
  sent(record: RequestRecord): Buffer {
    return Buffer.concat(this.#sent.get(record)?.chunks ?? []);
  }

  get requests(): readonly RequestRecord[] {
    return this.#requests;
  }

  get last(): RequestRecord | undefined {
    return this.#requests.at(-1);
  }

  byId(id: string): RequestRecord | undefined {
    return this.#requests.find((record) => record.id === id);
  }

  byTag(tag: string): RequestRecord[] {
    return this.#requests.filter((record) => record.tag === tag);
  }

  summary() {
    const requests = this.#requests;
    return {
      total: requests.length,
      active: this.active,
      peak: this.peak,
      clientsGone: requests.filter((record) => record.outcome === "client-gone").length,
      complete: requests.filter((record) => record.outcome === "complete").length,
      tokens: requests.reduce((sum, record) => sum + record.tokens, 0),
    };
  }

  /** Forgets what is over; requests still running stay counted in the gauge. */
  clear(): void {
    this.#requests = [];
    this.peak = this.active;
  }
}

export type TruthSummary = ReturnType<Truth["summary"]>;

function tagOf(body: Record<string, unknown> | null): string | null {
  if (typeof body?.user === "string") return body.user;
  const metadata = body?.metadata as { user_id?: unknown } | null | undefined;
  return typeof metadata?.user_id === "string" ? metadata.user_id : null;
}
