import { gzipSync } from "node:zlib";
import type { Plan } from "./scenario.ts";
import type { Exchange } from "./server.ts";

/** One server-sent event. `tokens` is what it delivers; `usage` marks a frame that reports usage. */
export type Frame = { data: string; event?: string; tokens: number; reasoning?: boolean; usage?: boolean };

/** How frames become bytes. */
export type Framing = { render(frame: Frame): Buffer; comment: Buffer | null };

function serverSentEvents(eol: string): Framing {
  return {
    render: ({ event, data }) =>
      Buffer.from(`${event === undefined ? "" : `event: ${event}${eol}`}data: ${data}${eol}${eol}`),
    comment: Buffer.from(`: SIMULATOR PROCESSING${eol}${eol}`),
  };
}

/** The client has closed the connection. */
const GONE = Symbol("gone");
type Gone = typeof GONE;

/** Writes a stream as the plan says: pace, framing, and the failure, counting each token once its frame is on the socket. */
export async function playStream(
  exchange: Exchange,
  plan: Plan,
  frames: Iterable<Frame>,
  errorFrame: Frame,
  { render, comment }: Framing = serverSentEvents(plan.eol),
): Promise<void> {
  const { response, record } = exchange;
  const gone = new Promise<Gone>((resolve) => response.once("close", () => resolve(GONE)));
  if (plan.firstByteMs > 0 && (await pause(plan.firstByteMs, gone)) === GONE) return;
  response.writeHead(200);
  response.flushHeaders();
  if (plan.preamble) await write(exchange, Buffer.from(`${plan.preamble}${plan.eol}${plan.eol}`), 0, gone);

  const merged: Buffer[] = [];
  let frameNumber = 0;
  for (const frame of frames) {
    if (response.destroyed) return;
    const { failure } = plan;
    if (failure && record.tokens >= failure.after && frame.tokens > 0) {
      if (failure.kind === "stall") return void (await gone);
      return fail(exchange, failure.kind, render(frame), render(errorFrame));
    }
    if (plan.comments && comment && frameNumber % 3 === 0) await write(exchange, comment, 0, gone);
    if (plan.unknownEvents && frameNumber % 3 === 1)
      await write(exchange, render({ event: "vendor.notice", data: '{"type":"vendor.notice"}', tokens: 0 }), 0, gone);
    frameNumber++;
    const isIdle = plan.idle !== null && frame.tokens > 0 && record.tokens === plan.idle.after;
    if (isIdle && (await pause(plan.idle?.ms ?? 0, gone)) === GONE) return;
    if (plan.intervalMs > 0 && frame.tokens > 0 && (await pause(plan.intervalMs, gone)) === GONE) return;

    const isBroken = plan.invalidJson && frame.tokens > 0 && record.tokens === 2;
    const bytes = render(isBroken ? { ...frame, data: '{"broken' } : frame);
    if (plan.splitBytes === Infinity) merged.push(bytes);
    else if ((await write(exchange, bytes, plan.splitBytes, gone)) === GONE) return;
    count(exchange, frame);
  }
  if (merged.length > 0) await write(exchange, Buffer.concat(merged), 0, gone);
  response.end();
}

/** Writes a whole answer; failures that need a stream break off in the middle of the body. */
export async function playBody(
  exchange: Exchange,
  plan: Plan,
  body: string,
  usage: { output: number; reasoning: number },
): Promise<void> {
  const { response, record, truth } = exchange;
  const gone = new Promise<Gone>((resolve) => response.once("close", () => resolve(GONE)));
  const duration = plan.firstByteMs + (plan.idle?.ms ?? 0) + plan.intervalMs * (usage.output + usage.reasoning);
  if (duration > 0 && (await pause(duration, gone)) === GONE) return;

  const accepts = String(exchange.request.headers["accept-encoding"] ?? "");
  const text = plan.invalidJson ? body.slice(0, body.length / 2) : body;
  const zipped = plan.gzip && accepts.includes("gzip");
  const bytes = zipped ? gzipSync(text) : Buffer.from(text);
  response.writeHead(200, {
    "content-type": "application/json",
    "content-length": bytes.length,
    ...(zipped && { "content-encoding": "gzip" }),
  });
  if (plan.failure) {
    response.write(bytes.subarray(0, bytes.length >> 1));
    if (plan.failure.kind === "stall") return void (await gone);
    record.outcome = "cut";
    await flushed();
    return plan.failure.kind === "reset" ? void response.socket?.resetAndDestroy() : void response.socket?.destroy();
  }
  record.tokens = usage.output + usage.reasoning;
  record.usage.output = usage.output;
  record.usage.reasoning = usage.reasoning;
  record.usageReported = plan.usage !== "missing";
  truth.keep(record, Buffer.from(text));
  response.end(bytes);
}

/** The text of an answer that is not streamed, all of it; a text without end is given up after 100,000 tokens. */
export function wholeText({ text }: Plan): string[] {
  const tokens: string[] = [];
  for (const token of text) if (tokens.push(token) === 100_000) break;
  return tokens;
}

function count({ record }: Exchange, frame: Frame): void {
  record.tokens += frame.tokens;
  if (frame.reasoning) record.usage.reasoning += frame.tokens;
  else record.usage.output += frame.tokens;
  if (frame.usage) record.usageReported = true;
}

async function fail(
  exchange: Exchange,
  kind: "cut" | "drop" | "reset" | "error",
  next: Buffer,
  error: Buffer,
): Promise<void> {
  const { response, record, truth } = exchange;
  record.outcome = kind === "error" ? "error" : "cut";
  if (kind === "error") {
    truth.keep(record, error);
    response.end(error);
    return;
  }
  if (kind === "cut") return void response.end();
  if (kind === "reset") response.write(next.subarray(0, next.length >> 1));
  await flushed();
  if (kind === "reset") response.socket?.resetAndDestroy();
  else response.socket?.destroy();
}

async function write(
  exchange: Exchange,
  bytes: Buffer,
  splitBytes: number,
  gone: Promise<Gone>,
): Promise<Gone | undefined> {
  const { response, record, truth } = exchange;
  truth.keep(record, bytes);
  const step = splitBytes || bytes.length;
  for (let at = 0; at < bytes.length; at += step) {
    if (response.destroyed) return GONE;
    const drained = response.write(bytes.subarray(at, at + step));
    if (splitBytes) await new Promise((resolve) => setImmediate(resolve));
    if (
      !drained &&
      (await Promise.race([new Promise<void>((resolve) => response.once("drain", () => resolve())), gone])) === GONE
    )
      return GONE;
  }
}

async function pause(milliseconds: number, gone: Promise<Gone>): Promise<Gone | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  const result = await Promise.race([waited, gone]);
  clearTimeout(timer);
  return result;
}

/** Lets what was written leave the socket before it is torn down, so that the count of tokens sent stays true. */
function flushed(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 25));
}
