import { agentTurn } from "./agent-turn.ts";
import { words } from "./words.ts";

/** What a simulated upstream is asked to do, read from the upstream model name: `name`, `name:option=value,flag` or `name=value`. */
export type Scenario = { model: string; name: string; options: Record<string, string> };

export function parseScenario(model: string): Scenario {
  const cut = model.search(/[:=]/);
  if (cut < 0) return { model, name: model, options: {} };
  const options: Record<string, string> = {};
  const rest = model.slice(cut + 1);
  if (model[cut] === "=") options.value = rest;
  else
    for (const part of rest.split(",")) {
      const at = part.indexOf("=");
      if (at < 0) options[/^\d+$/.test(part) ? "value" : part] = part;
      else options[part.slice(0, at)] = part.slice(at + 1);
    }
  return { model, name: model.slice(0, cut), options };
}

export type ToolCall = { name: string; fragments: string[] };
export type UsageMode = "final" | "missing" | "zero" | "every-chunk" | "finish-chunk" | "negative" | "huge" | "text";
export type Failure = { kind: "cut" | "drop" | "reset" | "error" | "stall"; after: number };

/** The answer a scenario gives, free of any wire format. Every item of `reasoning`, `text` and `fragments` is one token. */
export type Plan = {
  reasoning: number;
  text: Iterable<string>;
  tools: ToolCall[];
  /** False: a call comes in one piece. */
  toolDeltas: boolean;
  /** What this wire's indexes of calls begin with; some servers count from 1. */
  firstToolIndex: number;
  /** Searches that the provider runs itself before it speaks, where the request has that tool. */
  searches: number;
  /** Whether it stops at the request's limit of searches. */
  overruns: boolean;
  /** Answers at the ordinary tier, whatever was asked for. */
  downgrades: boolean;
  /** Pictures behind the text. They cost no tokens here. */
  images: number;
  finish: "stop" | "length" | "tool_calls" | "refusal";
  refusal: boolean;
  usage: UsageMode;
  cacheRead: number;
  cacheWrite: number;
  cacheWrite1h: number;
  firstByteMs: number;
  intervalMs: number;
  /** One silence in the middle, after so many tokens. */
  idle: { after: number; ms: number } | null;
  eol: "\n" | "\r\n";
  /** Bytes per write; 0 writes frame by frame, Infinity everything at once. */
  splitBytes: number;
  comments: boolean;
  /** What is written before the first frame: a provider's way of keeping a queued call alive. */
  preamble: string;
  unknownEvents: boolean;
  failure: Failure | null;
  sendDone: boolean;
  sendFinish: boolean;
  /** Breaks one frame (stream) or the body (plain). */
  invalidJson: boolean;
  gzip: boolean;
};

/** Every scenario that answers 200, as changes to a text of twelve tokens. */
const ANSWERS: Record<string, (options: Record<string, string>, limit: number) => Partial<Plan>> = {
  text: () => ({}),
  tool: () => ({ tools: [WEATHER("Paris")], text: [], finish: "tool_calls" }),
  "tools-parallel": () => ({ tools: [WEATHER("Paris"), WEATHER("Tokyo")], text: [], finish: "tool_calls" }),
  "tool-no-args": () => ({ tools: [{ name: "get_time", fragments: [] }], text: [], finish: "tool_calls" }),
  "tool-no-deltas": () => ({ tools: [WEATHER("Paris")], toolDeltas: false, text: [], finish: "tool_calls" }),
  "tool-index-1": () => ({ tools: [WEATHER("Paris")], firstToolIndex: 1, text: [], finish: "tool_calls" }),
  json: () => ({ text: ['{"', "celsius", '":"', "12", '"}'] }),
  image: (options) => ({ images: numberOption(options, "images", 1) }),
  "text-then-tool": () => ({ tools: [WEATHER("Paris")], finish: "tool_calls" }),
  reasoning: (options) => ({ reasoning: numberOption(options, "reasoning", 8) }),
  "think-then-tool": (options) => ({
    reasoning: numberOption(options, "reasoning", 4),
    tools: [WEATHER("Paris")],
    text: [],
    finish: "tool_calls",
  }),
  length: (options) => ({ text: words(numberOption(options, "tokens", 16)), finish: "length" }),
  empty: () => ({ text: [] }),
  refusal: () => ({ refusal: true, finish: "refusal" }),
  "usage-missing": () => ({ usage: "missing" }),
  "usage-zero": () => ({ usage: "zero" }),
  "usage-every-chunk": () => ({ usage: "every-chunk" }),
  "usage-on-finish": () => ({ usage: "finish-chunk" }),
  "usage-negative": () => ({ usage: "negative" }),
  "usage-huge": () => ({ usage: "huge" }),
  "usage-text": () => ({ usage: "text" }),
  "usage-cached": (options) => ({
    cacheRead: numberOption(options, "read", 100),
    cacheWrite: numberOption(options, "write", 0),
    cacheWrite1h: numberOption(options, "write1h", 0),
  }),
  trickle: (options) => ({ intervalMs: numberOption(options, "interval", 20) }),
  "first-byte": (options) => ({ firstByteMs: numberOption(options, "ms", 500) }),
  idle: (options) => ({
    idle: { after: numberOption(options, "after", 3), ms: numberOption(options, "gap", 200) },
  }),
  endless: (options, limit) => ({
    text: words("nolimit" in options ? Infinity : limit),
    finish: "length",
    intervalMs: numberOption(options, "interval", 5),
  }),
  cut: (options) => ({ failure: { kind: "cut", after: numberOption(options, "after", 7) } }),
  drop: (options) => ({ failure: { kind: "drop", after: numberOption(options, "after", 7) } }),
  reset: (options) => ({ failure: { kind: "reset", after: numberOption(options, "after", 3) } }),
  stall: (options) => ({ failure: { kind: "stall", after: numberOption(options, "after", 3) } }),
  "error-midstream": (options) => ({ failure: { kind: "error", after: numberOption(options, "after", 3) } }),
  "no-done": () => ({ sendDone: false }),
  "no-finish": () => ({ sendFinish: false }),
  "split-bytes": (options) => ({
    splitBytes: numberOption(options, "size", 1),
    text: words(numberOption(options, "tokens", 12), true),
  }),
  crlf: () => ({ eol: "\r\n" }),
  merged: () => ({ splitBytes: Infinity }),
  comments: () => ({ comments: true }),
  "unknown-events": () => ({ unknownEvents: true }),
  "invalid-json": () => ({ invalidJson: true }),
  gzip: () => ({ gzip: true }),
  "zero-latency": (options) => ({ text: words(numberOption(options, "chunks", 100)) }),
};

export const ANSWER_SCENARIOS = Object.keys(ANSWERS);

/** The answer to a call, or null where the scenario is no answer but an error (or unknown). `limit` is the request's output
 *  limit; `bodyText` is what an agent decides by. */
export function planAnswer(scenario: Scenario, limit: number, bodyText: string): Plan | null {
  const known = Object.hasOwn(ANSWERS, scenario.name) ? ANSWERS[scenario.name] : undefined;
  const answer = scenario.name === "agent" ? () => agentTurn(scenario, bodyText) : known;
  if (!answer) return null;
  const { options } = scenario;
  const plan: Plan = {
    reasoning: numberOption(options, "reasoning", 0),
    text: words(numberOption(options, "tokens", 12)),
    tools: [],
    toolDeltas: true,
    firstToolIndex: 0,
    searches: numberOption(options, "searches", 0),
    overruns: "overrun" in options,
    downgrades: "downgrade" in options,
    images: 0,
    finish: "stop",
    refusal: false,
    usage: "final",
    cacheRead: 0,
    cacheWrite: 0,
    cacheWrite1h: 0,
    firstByteMs: numberOption(options, "ms", 0),
    intervalMs: numberOption(options, "interval", 0),
    idle: null,
    eol: "\n",
    splitBytes: 0,
    comments: false,
    preamble: "",
    unknownEvents: false,
    failure: null,
    sendDone: true,
    sendFinish: true,
    invalidJson: false,
    gzip: false,
    ...answer(options, limit),
  };
  // A provider enforces the limit it is given: reasoning is spent first, what is left goes to the text.
  if (!("nolimit" in options)) {
    plan.reasoning = Math.min(plan.reasoning, limit);
    plan.text = limited(plan.text, limit - plan.reasoning, () => {
      if (plan.finish === "stop") plan.finish = "length";
    });
  }
  return plan;
}

/** What every search adds to the input. */
export const TOKENS_PER_SEARCH = 50;

/** How often the provider searches, by what the request allows. */
export function searchesOf({ searches, overruns }: Plan, isAsked: boolean, limit: unknown): number {
  if (!isAsked) return 0;
  return overruns ? searches : Math.min(searches, typeof limit === "number" ? limit : searches);
}

/** The service tier that an answer names. */
export function servedTier({ downgrades }: Plan, asked: unknown): string {
  return !downgrades && (asked === "flex" || asked === "priority") ? asked : "default";
}

function* limited(text: Iterable<string>, limit: number, reached: () => void): Generator<string> {
  let left = limit;
  for (const token of text) {
    if (left-- <= 0) return reached();
    yield token;
  }
}

function WEATHER(city: string): ToolCall {
  return { name: "get_weather", fragments: ['{"', "city", '":"', city, '"}'] };
}

/** What a 429 says of when to come back: seconds, the word `date` for the HTTP date two seconds from now, or milliseconds. Null
 *  for scenarios that are none. */
export function retryHeaders({ name, options }: Pick<Scenario, "name" | "options">): Record<string, string> | null {
  if (name === "error-429-retry-after-ms") return { "retry-after-ms": options.value ?? "500" };
  if (name !== "error-429-retry-after") return null;
  const { value = "2" } = options;
  return { "retry-after": value === "date" ? new Date(Date.now() + 2_000).toUTCString() : value };
}

/** One pixel, as PNG in base64. */
export const PICTURE =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export function numberOption(options: Record<string, string>, name: string, fallback: number): number {
  const value = options[name];
  return value === undefined || value === name ? fallback : Number(value);
}
