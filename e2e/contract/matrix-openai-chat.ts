import { type Ask, type DialectColumn, leaveAfter, nothing, type Told } from "./matrix";

type Message = {
  role?: string;
  content?: string | null;
  reasoning_content?: string;
  reasoning?: string;
  reasoning_details?: unknown[];
  tool_calls?: ToolCall[];
};
type ToolCall = { index?: number; id?: string; function?: { name?: string; arguments?: string } };
type Usage = { prompt_tokens: number; completion_tokens: number; cost?: number };
type Answer = {
  choices?: { message?: Message; delta?: Message; finish_reason?: string | null }[];
  usage?: Usage | null;
  error?: { code?: string };
};

/** OpenAI's chat completions, read by hand. */
export const openAIChatColumn: DialectColumn = {
  name: "openai-chat",
  async send({ hub, door, key }, model, ask) {
    const response = await hub.post(door, "/chat/completions", key, bodyOf(model, ask));
    const requestId = response.headers.get("x-request-id") ?? "";
    const text = await response.text();
    if (response.status !== 200) {
      const { error } = JSON.parse(text) as Answer;
      return { ...nothing(response.status, requestId), errorCode: error?.code ?? null };
    }
    return { ...(ask.stream ? readStream(text) : readWhole(text)), status: 200, requestId };
  },
  leave: ({ hub, door, key }, model, ask) =>
    leaveAfter(/"content":"[^"]/, (signal) =>
      hub.post(door, "/chat/completions", key, bodyOf(model, { ...ask, stream: true }), signal),
    ),
};

function bodyOf(model: string, ask: Ask) {
  const image = ask.image && { type: "image_url", image_url: { url: `data:image/png;base64,${ask.image}` } };
  const user = { role: "user", content: image ? [{ type: "text", text: ask.text }, image] : ask.text };
  const turn = ask.toolTurn;
  return {
    model,
    messages: [
      { role: "developer", content: "be brief" },
      user,
      ...(turn
        ? [
            turn.assistant.turn,
            ...turn.assistant.calls.map(({ id }, i) => ({ role: "tool", tool_call_id: id, content: turn.results[i] })),
          ]
        : []),
    ],
    ...(ask.stream && { stream: true, stream_options: { include_usage: true } }),
    ...(ask.tools && { tools: TOOLS }),
    ...(ask.schema && {
      response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema: ask.schema } },
    }),
    ...(ask.effort && { reasoning_effort: ask.effort }),
    ...(ask.stop && { stop: ask.stop }),
    ...(ask.maxTokens && { max_completion_tokens: ask.maxTokens }),
  };
}

const TOOLS = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather of a city",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
  { type: "function", function: { name: "get_time" } },
];

function readWhole(text: string): Omit<Told, "status" | "requestId"> {
  const { choices, usage } = JSON.parse(text) as Answer;
  const { message = {}, finish_reason } = choices?.[0] ?? {};
  return { ...readMessage(message, finish_reason), ...readUsage(usage), errorCode: null };
}

function readStream(text: string): Omit<Told, "status" | "requestId"> {
  const frames = text
    .split(/\r?\n\r?\n/)
    .flatMap((frame) => frame.split(/\r?\n/).filter((line) => line.startsWith("data: ")))
    .map((line) => line.slice(6));
  const isDone = frames.at(-1) === "[DONE]";
  const message: Message & { tool_calls: ToolCall[] } = { role: "assistant", content: "", tool_calls: [] };
  let finish: string | null = null;
  let usage: Usage | null = null;
  let errorCode: string | null = null;
  for (const frame of isDone ? frames.slice(0, -1) : frames) {
    const chunk = JSON.parse(frame) as Answer;
    if (chunk.error) errorCode = chunk.error.code ?? "unnamed";
    usage = chunk.usage ?? usage;
    const choice = chunk.choices?.[0];
    if (choice?.finish_reason) finish = choice.finish_reason;
    const delta = choice?.delta ?? {};
    message.content = (message.content ?? "") + (delta.content ?? "");
    const thought = delta.reasoning_content ?? delta.reasoning;
    if (thought) message.reasoning_content = (message.reasoning_content ?? "") + thought;
    if (delta.reasoning_details)
      message.reasoning_details = [...(message.reasoning_details ?? []), ...delta.reasoning_details];
    for (const { index = -1, id, function: called } of delta.tool_calls ?? []) {
      const known = message.tool_calls[index];
      if (known?.function) known.function.arguments = (known.function.arguments ?? "") + (called?.arguments ?? "");
      else if (id) message.tool_calls[index] = { id, function: { ...called } };
      else throw new Error(`a fragment of tool call ${index} came before its id`);
    }
  }
  if (isDone === (errorCode !== null)) throw new Error("[DONE] belongs to a stream that did not fail, and only there");
  return { ...readMessage(message, finish), ...readUsage(usage), errorCode };
}

function readMessage(message: Message, finish: string | null | undefined) {
  const calls = message.tool_calls ?? [];
  return {
    text: message.content ?? "",
    reasoning: message.reasoning_content ?? message.reasoning ?? "",
    calls: calls.map(({ id = "", function: called }) => ({
      id,
      name: called?.name ?? "",
      input: JSON.parse(called?.arguments ?? "") as unknown,
    })),
    finish: FINISH[finish ?? ""] ?? null,
    turn: {
      ...message,
      role: "assistant",
      ...(calls.length > 0
        ? { tool_calls: calls.map(({ index: _index, ...call }) => ({ type: "function", ...call })) }
        : { tool_calls: undefined }),
    },
  };
}

const FINISH: Record<string, Told["finish"]> = {
  stop: "stop",
  length: "length",
  tool_calls: "tools",
  content_filter: "refusal",
  error: "error",
};

function readUsage(usage: Usage | null | undefined) {
  return {
    inputTokens: usage?.prompt_tokens ?? null,
    outputTokens: usage?.completion_tokens ?? null,
    cost: usage?.cost ?? null,
  };
}
