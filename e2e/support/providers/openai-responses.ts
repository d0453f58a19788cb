import { errorFor, errorScenario, HTML_502, modelMissing, type Refuse, SERVER_ERROR } from "./openai-errors.ts";
import { type Frame, playBody, playStream, wholeText } from "./player.ts";
import { type Plan, parseScenario, planAnswer, searchesOf, servedTier, TOKENS_PER_SEARCH } from "./scenario.ts";
import { type Exchange, sendHtml } from "./server.ts";
import { countPromptTokens } from "./words.ts";

const CREATED = 1_750_000_000;
const DEFAULT_LIMIT = 16_384;

type ResponsesRequest = {
  input?: unknown;
  instructions?: unknown;
  max_output_tokens?: number | null;
  include?: unknown;
  reasoning?: unknown;
  tools?: { type?: unknown }[];
  max_tool_calls?: unknown;
};

/** OpenAI's `/v1/responses`, plain and streamed. As the real one it refuses state it does not have and wants its items whole. */
export async function respond(exchange: Exchange, refuse: Refuse): Promise<void> {
  const { response, record, earlierCalls } = exchange;
  const body = (record.body ?? {}) as ResponsesRequest;
  if (body.input === undefined)
    return refuse(400, {
      message: "Missing required parameter: 'input'.",
      type: "invalid_request_error",
      param: "input",
      code: "missing_required_parameter",
    });
  const scenario = parseScenario(record.model);
  if (scenario.name === "never") return;
  if (scenario.name === "html-502") return sendHtml(exchange, 502, HTML_502);
  if (scenario.name === "unverified") {
    if ((body.reasoning as { summary?: unknown } | undefined)?.summary)
      return refuse(400, {
        message:
          "Your organization must be verified to generate reasoning summaries. Please go to: https://platform.openai.com/settings/organization/general and click on Verify Organization.",
        type: "invalid_request_error",
        param: "reasoning.summary",
        code: "unsupported_value",
      });
    scenario.name = "reasoning";
  }
  const isFlaky = scenario.name === "flaky";
  const failsNow = isFlaky && earlierCalls < Number(scenario.options.times ?? 1);
  const error = failsNow
    ? errorFor(scenario.options.status ?? "500", record.model)
    : isFlaky
      ? null
      : errorScenario(scenario, record.model);
  if (error) return refuse(error.status, error.body, error.headers);
  const plan = planAnswer(
    isFlaky ? { ...scenario, name: "text" } : scenario,
    body.max_output_tokens ?? DEFAULT_LIMIT,
    record.bodyText,
  );
  if (!plan) return refuse(404, modelMissing(record.model));

  // a real answer has an id of this family
  record.id = `resp_${record.id.replace(/^[a-z]+[-_]/, "")}`;
  const canSearch = (body.tools ?? []).some(({ type }) => String(type).startsWith("web_search"));
  record.searches = searchesOf(plan, canSearch, body.max_tool_calls);
  const input =
    countPromptTokens(Array.isArray(body.input) ? body.input : [{ content: body.input }], body.instructions) +
    record.searches * TOKENS_PER_SEARCH;
  record.usage = {
    input,
    cacheRead: plan.cacheRead,
    cacheWrite: plan.cacheWrite,
    cacheWrite1h: 0,
    output: 0,
    reasoning: 0,
  };
  record.status = 200;
  const asked = Array.isArray(body.include) && body.include.includes("reasoning.encrypted_content");
  const answer = new Answer(record, plan, asked);
  if (record.stream) {
    response.setHeader("content-type", "text/event-stream; charset=utf-8");
    const failure = { ...SERVER_ERROR, type: "error", sequence_number: 99 };
    const frames = answer.frames(() => usageOf(plan, input, record.usage.output, record.usage.reasoning));
    return playStream(exchange, plan, frames, { event: "error", data: JSON.stringify(failure), tokens: 0 });
  }
  const words = wholeText(plan);
  const output = words.length + plan.tools.reduce((sum, tool) => sum + tool.fragments.length + 1, 0);
  const usage = usageOf(plan, input, output, plan.reasoning);
  await playBody(exchange, plan, JSON.stringify(answer.whole(words.join(""), usage), null, 2), {
    output,
    reasoning: plan.reasoning,
  });
}

class Answer {
  #sequence = 0;
  readonly id: string;
  readonly model: string;
  readonly plan: Plan;
  readonly encrypted: boolean;
  readonly searches: number;
  readonly askedTier: unknown;

  // no parameter properties: the simulators also run as they are, with their types stripped
  constructor(record: Exchange["record"], plan: Plan, encrypted: boolean) {
    this.id = record.id;
    this.model = record.model;
    this.searches = record.searches;
    this.askedTier = record.body?.service_tier;
    this.plan = plan;
    this.encrypted = encrypted;
  }

  whole(text: string, usage: unknown) {
    return { ...this.#response(this.#status), output: this.#items(text), ...(usage !== null && { usage }) };
  }

  *frames(usage: () => unknown): Generator<Frame> {
    const { plan } = this;
    yield this.#event("response.created", { response: this.#response("in_progress") });
    yield this.#event("response.in_progress", { response: this.#response("in_progress") });
    // an endless text is never whole
    const words = plan.text[Symbol.iterator]();
    const first = words.next();
    const items = this.#items(first.done ? "" : first.value);
    for (const [output_index, item] of items.entries()) {
      const at = { item_id: item.id, output_index };
      yield this.#event(
        "response.output_item.added",
        { output_index, item: { ...item, ...opened(item) } },
        item.type === "function_call" ? 1 : 0,
      );
      if (item.type === "reasoning") yield* this.#reasoning(at);
      else if (item.type === "web_search_call") yield this.#event("response.web_search_call.completed", at);
      else if (item.type === "message") item.content = [yield* this.#text(at, first, words)];
      else yield* this.#arguments(at, item);
      yield this.#event("response.output_item.done", { output_index, item });
    }
    if (!plan.sendFinish) return;
    const reported = usage();
    const response = { ...this.#response(this.#status), output: items, ...(reported !== null && { usage: reported }) };
    yield { ...this.#event(`response.${this.#status}`, { response }), usage: reported !== null };
  }

  *#reasoning(at: object): Generator<Frame> {
    const part = { ...at, summary_index: 0 };
    yield this.#event("response.reasoning_summary_part.added", { ...part, part: { type: "summary_text", text: "" } });
    for (let i = 0; i < this.plan.reasoning; i++)
      yield {
        ...this.#event("response.reasoning_summary_text.delta", { ...part, delta: i === 0 ? "think" : " think" }, 1),
        reasoning: true,
      };
    const text = thoughts(this.plan);
    yield this.#event("response.reasoning_summary_text.done", { ...part, text });
    yield this.#event("response.reasoning_summary_part.done", { ...part, part: { type: "summary_text", text } });
  }

  *#text(at: object, first: IteratorResult<string>, rest: Iterator<string>): Generator<Frame, unknown> {
    const part = { ...at, content_index: 0 };
    let text = "";
    const empty = this.#part("");
    yield this.#event("response.content_part.added", { ...part, part: empty });
    const kind = this.plan.refusal ? "refusal" : "output_text";
    for (let word = first; !word.done; word = rest.next()) {
      text += word.value;
      const said = { ...part, delta: word.value, ...(kind === "output_text" && { logprobs: [] }) };
      yield this.#event(`response.${kind}.delta`, said, 1);
    }
    yield this.#event(`response.${kind}.done`, {
      ...part,
      ...(kind === "refusal" ? { refusal: text } : { text, logprobs: [] }),
    });
    yield this.#event("response.content_part.done", { ...part, part: this.#part(text) });
    return this.#part(text);
  }

  *#arguments(at: object, item: Item): Generator<Frame> {
    for (const delta of item.fragments ?? [])
      yield this.#event("response.function_call_arguments.delta", { ...at, delta }, 1);
    yield this.#event("response.function_call_arguments.done", { ...at, name: item.name, arguments: item.arguments });
  }

  #part(text: string) {
    return this.plan.refusal
      ? { type: "refusal", refusal: text }
      : { type: "output_text", text, annotations: [], logprobs: [] };
  }

  #items(text: string): Item[] {
    const { plan, id } = this;
    const items: Item[] = [];
    if (plan.reasoning > 0)
      items.push({
        id: `rs_${id.slice(5)}`,
        type: "reasoning",
        summary: [{ type: "summary_text", text: thoughts(plan) }],
        ...(this.encrypted && { encrypted_content: "gAAAAABsimulated" }),
      });
    // a page that it opens afterwards is a call too, but no search
    for (let number = 0; number < this.searches; number++) {
      const call = { type: "web_search_call", status: "completed" };
      items.push({ id: `ws_${id.slice(5)}${number}`, ...call, action: { type: "search", query: "words" } });
      if (number > 0) continue;
      items.push({ id: `ws_${id.slice(5)}p`, ...call, action: { type: "open_page", url: "https://example.com/" } });
    }
    if (text !== "" || plan.tools.length === 0)
      items.push({
        ...{ id: `msg_${id.slice(5)}`, type: "message", status: "completed", role: "assistant" },
        content: [this.#part(text)],
      });
    for (const [index, tool] of plan.tools.entries()) {
      const item: Item = {
        ...{ id: `fc_${id.slice(5)}${index}`, type: "function_call", status: "completed" },
        ...{ call_id: `call_${id.slice(-8)}${index}`, name: tool.name, arguments: tool.fragments.join("") || "{}" },
      };
      Object.defineProperty(item, "fragments", { value: tool.fragments, enumerable: false });
      items.push(item);
    }
    return items;
  }

  get #status() {
    return this.plan.finish === "length" ? "incomplete" : "completed";
  }

  #response(status: string) {
    const { id, model, plan } = this;
    return {
      id,
      object: "response",
      created_at: CREATED,
      status,
      background: false,
      error: null,
      incomplete_details: status === "incomplete" && plan.finish === "length" ? { reason: "max_output_tokens" } : null,
      instructions: null,
      max_output_tokens: null,
      model,
      output: [],
      parallel_tool_calls: true,
      previous_response_id: null,
      reasoning: { effort: null, summary: null },
      service_tier: servedTier(plan, this.askedTier),
      store: false,
      temperature: 1,
      text: { format: { type: "text" } },
      tool_choice: "auto",
      tools: [],
      top_p: 1,
      truncation: "disabled",
      usage: null,
      metadata: {},
    };
  }

  #event(type: string, fields: object, tokens = 0): Frame {
    return { event: type, data: JSON.stringify({ type, sequence_number: this.#sequence++, ...fields }), tokens };
  }
}

type Item = {
  id: string;
  type: string;
  name?: string;
  arguments?: string;
  fragments?: string[];
} & Record<string, unknown>;

function opened(item: Item): object {
  if (item.type === "message") return { status: "in_progress", content: [] };
  if (item.type === "web_search_call") return { status: "in_progress", action: undefined };
  if (item.type === "reasoning") return { summary: [], encrypted_content: undefined };
  return { status: "in_progress", arguments: "" };
}

function thoughts(plan: Plan): string {
  return Array(plan.reasoning).fill("think").join(" ");
}

function usageOf(plan: Plan, input: number, output: number, reasoning: number): unknown {
  if (plan.usage === "missing") return null;
  const total = input + plan.cacheRead + plan.cacheWrite;
  return {
    input_tokens: plan.usage === "zero" ? 0 : total,
    input_tokens_details: { cached_tokens: plan.cacheRead, cache_write_tokens: plan.cacheWrite },
    output_tokens: plan.usage === "zero" ? 0 : output + reasoning,
    output_tokens_details: { reasoning_tokens: plan.usage === "zero" ? 0 : reasoning },
    total_tokens: plan.usage === "zero" ? 0 : total + output + reasoning,
  };
}
