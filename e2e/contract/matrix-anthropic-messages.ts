import { type Ask, type DialectColumn, dataFrames, leaveAfter, MATRIX_TOOLS, nothing, type Told } from "./matrix";

type Block = { type: string; text?: string; thinking?: string; signature?: string } & {
  id?: string;
  name?: string;
  input?: unknown;
};
type Usage = {
  input_tokens: number;
  cache_creation_input_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  output_tokens: number;
  cost?: number;
};
type Answer = { content: Block[]; stop_reason: string | null; usage: Usage };
type Event = {
  type: string;
  index?: number;
  message?: Answer;
  content_block?: Block;
  delta?: Block & { partial_json?: string; stop_reason?: string };
  usage?: Usage;
  error?: { type: string };
};

/** Anthropic's Messages API, read by hand. */
export const anthropicMessagesColumn: DialectColumn = {
  name: "anthropic-messages",
  async send({ hub, door, key }, model, ask) {
    const response = await hub.post(door, "/messages", key, bodyOf(model, ask));
    const requestId = response.headers.get("request-id") ?? "";
    const text = await response.text();
    if (response.status !== 200) {
      const body = JSON.parse(text) as { error: { type: string }; request_id: string };
      if (body.request_id !== requestId) throw new Error(`the body calls itself ${body.request_id}, not ${requestId}`);
      return { ...nothing(response.status, requestId), errorCode: body.error.type };
    }
    return { ...(ask.stream ? readStream(text) : toldOf(JSON.parse(text) as Answer, null)), status: 200, requestId };
  },
  leave: ({ hub, door, key }, model, ask) =>
    leaveAfter(/"text_delta"/, (signal) =>
      hub.post(door, "/messages", key, bodyOf(model, { ...ask, stream: true }), signal),
    ),
  errorOf: (status, code) => ({ status: code === "overloaded" ? 529 : status, code: TYPES[code ?? ""] ?? null }),
};

/** This protocol knows fewer kinds of errors. */
const TYPES: Record<string, string> = {
  overloaded: "overloaded_error",
  upstream_error: "api_error",
  provider_unavailable: "api_error",
  context_length_exceeded: "invalid_request_error",
};

function bodyOf(model: string, ask: Ask) {
  const source = { type: "base64", media_type: "image/png", data: ask.image };
  const turn = ask.toolTurn;
  return {
    model,
    max_tokens: ask.maxTokens ?? 4_096,
    system: "be brief",
    messages: [
      {
        role: "user",
        content: ask.image
          ? [
              { type: "image", source },
              { type: "text", text: ask.text },
            ]
          : ask.text,
      },
      ...(turn
        ? [
            { role: "assistant", content: turn.assistant.turn },
            {
              role: "user",
              content: turn.assistant.calls.map(({ id }, i) => ({
                ...{ type: "tool_result", tool_use_id: id, content: turn.results[i] },
              })),
            },
          ]
        : []),
    ],
    ...(ask.stream && { stream: true }),
    ...(ask.tools && {
      tools: MATRIX_TOOLS.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters })),
    }),
    ...(ask.schema && { output_config: { format: { type: "json_schema", schema: ask.schema } } }),
    ...(ask.effort && { thinking: { type: "enabled", budget_tokens: 1_024 } }),
    ...(ask.stop && { stop_sequences: ask.stop }),
  };
}

/** Blocks one after the other, each opened, said and closed; then how it ended, then the end. */
function readStream(stream: string): Omit<Told, "status" | "requestId"> {
  const answer: Answer = { content: [], stop_reason: null, usage: { input_tokens: 0, output_tokens: 0 } };
  let open: Block | null = null;
  let json = "";
  let errorCode: string | null = null;
  let hasStopped = false;
  for (const { event, data } of dataFrames(stream)) {
    const said = JSON.parse(data) as Event;
    if (said.type !== event) throw new Error(`the event line says ${event}, its data ${said.type}`);
    if (hasStopped || errorCode !== null) throw new Error(`${event} came after the end`);
    if (said.type === "message_start") Object.assign(answer.usage, said.message?.usage);
    else if (said.type === "content_block_start") {
      if (open || said.index !== answer.content.length) throw new Error(`block ${said.index} is out of turn`);
      open = { ...said.content_block } as Block;
      json = "";
    } else if (said.type === "content_block_delta") {
      if (!open || said.index !== answer.content.length) throw new Error(`a delta of block ${said.index}, not open`);
      const { text = "", thinking = "", signature = "", partial_json = "" } = said.delta ?? {};
      if (open.text !== undefined) open.text += text;
      if (open.thinking !== undefined) open.thinking += thinking;
      if (signature) open.signature = signature;
      json += partial_json;
    } else if (said.type === "content_block_stop") {
      if (open?.type === "tool_use") open.input = JSON.parse(json || "{}");
      answer.content.push(open as Block);
      open = null;
    } else if (said.type === "message_delta") {
      answer.stop_reason = said.delta?.stop_reason ?? null;
      Object.assign(answer.usage, said.usage);
    } else if (said.type === "message_stop") hasStopped = true;
    else if (said.type === "error") errorCode = said.error?.type ?? "unnamed";
    else if (said.type !== "ping") throw new Error(`an unknown event: ${said.type}`);
  }
  if (hasStopped === (errorCode !== null)) throw new Error("message_stop belongs to a stream that did not fail");
  if (open) answer.content.push(open);
  return toldOf(answer, errorCode);
}

function toldOf({ content, stop_reason, usage }: Answer, errorCode: string | null): Omit<Told, "status" | "requestId"> {
  return {
    text: content.map(({ text = "" }) => text).join(""),
    reasoning: content.map(({ thinking = "" }) => thinking).join(""),
    calls: content
      .filter(({ type }) => type === "tool_use")
      .map(({ id = "", name = "", input }) => ({ id, name, input })),
    finish: errorCode === null ? (FINISH[stop_reason ?? ""] ?? null) : "error",
    errorCode,
    inputTokens: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
    outputTokens: usage.output_tokens,
    cost: usage.cost ?? null,
    turn: content,
  };
}

const FINISH: Record<string, Told["finish"]> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tools",
  refusal: "refusal",
};
