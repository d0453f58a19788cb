import { type Ask, type DialectColumn, leaveAfter, MATRIX_TOOLS, nothing, type Told } from "./matrix";

type ToolCall = { id: string; function: { name: string; arguments: unknown } };
type Usage = { inputTokens: number; outputTokens: number; aigneHubCredits?: number };
type Answer = {
  text?: string;
  thoughts?: string;
  json?: unknown;
  toolCalls?: ToolCall[];
  usage?: Usage;
};
type Event = { delta: { text?: Record<string, string>; json?: Partial<Answer> } };

/** The AIGNE client's protocol, read by hand. */
export const aigneColumn: DialectColumn = {
  name: "aigne",
  async send({ hub, door, key }, model, ask) {
    const response = await hub.sendFromOrigin(door, "/api/v2/chat", requestOf(key, model, ask));
    const requestId = response.headers.get("x-request-id") ?? "";
    const text = await response.text();
    if (response.status !== 200) {
      const { error } = JSON.parse(text) as { error: { code: string | null } };
      return { ...nothing(response.status, requestId), errorCode: error.code };
    }
    const { answer, failure } = ask.stream ? readStream(text) : { answer: JSON.parse(text) as Answer, failure: null };
    return { ...toldOf(answer, failure), status: 200, requestId };
  },
  leave: ({ hub, door, key }, model, ask) =>
    leaveAfter(/"text":"[^"]/, (signal) =>
      hub.sendFromOrigin(door, "/api/v2/chat", { ...requestOf(key, model, { ...ask, stream: true }), signal }),
    ),
};

function requestOf(key: string, model: string, ask: Ask): RequestInit {
  const image = ask.image && { type: "file", data: ask.image, mimeType: "image/png" };
  const turn = ask.toolTurn;
  const input = {
    messages: [
      { role: "system", content: "be brief" },
      { role: "user", content: image ? [{ type: "text", text: ask.text }, image] : ask.text },
      ...(turn
        ? [
            turn.assistant.turn,
            ...turn.assistant.calls.map(({ id }, i) => ({ role: "tool", toolCallId: id, content: turn.results[i] })),
          ]
        : []),
    ],
    ...(ask.tools && { tools: MATRIX_TOOLS.map((tool) => ({ type: "function", function: tool })) }),
    ...(ask.schema && { responseFormat: { type: "json_schema", jsonSchema: { name: "answer", schema: ask.schema } } }),
    modelOptions: { model, ...(ask.effort && { reasoningEffort: ask.effort }) },
    outputFileType: "url",
  };
  return {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ agent: "$CHAT_MODEL", input, options: { streaming: ask.stream === true } }),
  };
}

/** What the client makes of the events: text is appended to its key, anything else replaces its key. */
function readStream(stream: string): { answer: Answer; failure: string | null } {
  const answer: Record<string, unknown> = {};
  for (const frame of stream.split("\n\n").filter((text) => text !== "" && !text.startsWith(":"))) {
    const data = frame.slice(frame.indexOf("data: ") + "data: ".length);
    if (frame.startsWith("event: error\n"))
      return { answer, failure: (JSON.parse(data) as { message: string }).message };
    if (!frame.startsWith("data: ")) throw new Error(`no other event has a name: ${frame}`);
    const { delta } = JSON.parse(data) as Event;
    for (const [key, text] of Object.entries(delta.text ?? {})) answer[key] = `${answer[key] ?? ""}${text}`;
    Object.assign(answer, delta.json);
  }
  return { answer, failure: null };
}

/** The protocol has no finish reason: tool calls and errors speak for themselves. */
function toldOf(answer: Answer, failure: string | null): Omit<Told, "status" | "requestId"> {
  const { toolCalls: calls = [], usage } = answer;
  return {
    text: answer.text ?? (answer.json === undefined ? "" : JSON.stringify(answer.json)),
    reasoning: answer.thoughts ?? "",
    calls: calls.map(({ id, function: { name, arguments: input } }) => ({ id, name, input })),
    finish: failure !== null ? "error" : calls.length > 0 ? "tools" : "stop",
    errorCode: failure,
    inputTokens: usage?.inputTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    cost: usage?.aigneHubCredits ?? null,
    turn: { role: "agent", content: answer.text, toolCalls: calls },
  };
}
