import { type Ask, type DialectColumn, dataFrames, leaveAfter, MATRIX_TOOLS, nothing, type Told } from "./matrix";

type Item = {
  type: string;
  call_id?: string;
  name?: string;
  arguments?: string;
  content?: { type: string; text?: string }[];
  summary?: { text: string }[];
};
type Usage = { input_tokens: number; output_tokens: number; cost?: number };
type Answer = {
  status: string;
  output: Item[];
  incomplete_details: { reason: string } | null;
  error: { code: string } | null;
  usage?: Usage | null;
};
type Event = { type: string; sequence_number: number; delta?: string; response?: Answer };

/** OpenAI's Responses API, read by hand. */
export const openAIResponsesColumn: DialectColumn = {
  name: "openai-responses",
  async send({ hub, door, key }, model, ask) {
    const response = await hub.post(door, "/responses", key, bodyOf(model, ask));
    const requestId = response.headers.get("x-request-id") ?? "";
    const text = await response.text();
    if (response.status !== 200) {
      const { error } = JSON.parse(text) as { error: { code: string | null } };
      return { ...nothing(response.status, requestId), errorCode: error.code };
    }
    const told = ask.stream ? readStream(text) : toldOf(JSON.parse(text) as Answer);
    return { ...told, status: 200, requestId };
  },
  leave: ({ hub, door, key }, model, ask) =>
    leaveAfter(/"response.output_text.delta"/, (signal) =>
      hub.post(door, "/responses", key, bodyOf(model, { ...ask, stream: true }), signal),
    ),
};

function bodyOf(model: string, ask: Ask) {
  const image = ask.image && { type: "input_image", image_url: `data:image/png;base64,${ask.image}` };
  const turn = ask.toolTurn;
  return {
    model,
    instructions: "be brief",
    input: [
      { role: "user", content: image ? [{ type: "input_text", text: ask.text }, image] : ask.text },
      ...(turn
        ? [
            ...(turn.assistant.turn as Item[]),
            ...turn.assistant.calls.map(({ id }, i) => ({
              ...{ type: "function_call_output", call_id: id, output: turn.results[i] },
            })),
          ]
        : []),
    ],
    ...(ask.stream && { stream: true }),
    ...(ask.tools && { tools: MATRIX_TOOLS.map((tool) => ({ type: "function", strict: false, ...tool })) }),
    ...(ask.schema && { text: { format: { type: "json_schema", name: "answer", strict: true, schema: ask.schema } } }),
    ...(ask.effort && { reasoning: { effort: ask.effort, summary: "auto" } }),
    ...(ask.maxTokens && { max_output_tokens: ask.maxTokens }),
  };
}

/** The terminal event has everything; what was said before must amount to the same. */
function readStream(stream: string): Omit<Told, "status" | "requestId"> {
  let text = "";
  let reasoning = "";
  let last: Answer | null = null;
  for (const [number, { event, data }] of dataFrames(stream).entries()) {
    const said = JSON.parse(data) as Event;
    if (said.type !== event) throw new Error(`the event line says ${event}, its data ${said.type}`);
    if (last) throw new Error(`${event} came after the terminal event`);
    // a relayed upstream numbers its own error as it likes
    if (said.sequence_number !== number && said.type !== "error" && said.type !== "response.failed")
      throw new Error(`${event} is numbered ${said.sequence_number} instead of ${number}`);
    if (said.type === "response.output_text.delta") text += said.delta ?? "";
    else if (said.type.startsWith("response.reasoning") && said.type.endsWith(".delta")) reasoning += said.delta ?? "";
    else if (/^response\.(completed|incomplete|failed)$/.test(said.type)) last = said.response ?? null;
  }
  if (!last) throw new Error(`no terminal event: ${stream.slice(-500)}`);
  const told = toldOf(last);
  if (last.status === "failed") return { ...told, text, reasoning };
  if (told.text !== text || told.reasoning !== reasoning) throw new Error("the deltas do not amount to the items");
  return told;
}

function toldOf({ status, output, incomplete_details, error, usage }: Answer): Omit<Told, "status" | "requestId"> {
  const calls = output
    .filter(({ type }) => type === "function_call")
    .map(({ call_id = "", name = "", arguments: input = "" }) => ({ id: call_id, name, input: JSON.parse(input) }));
  const textOf = (type: string, key: "content" | "summary") =>
    output
      .filter((item) => item.type === type)
      .flatMap((item): { text?: string }[] => item[key] ?? [])
      .map((part) => part.text ?? "")
      .join("");
  return {
    text: textOf("message", "content"),
    reasoning: textOf("reasoning", "summary") || textOf("reasoning", "content"),
    calls,
    finish:
      status === "failed"
        ? "error"
        : status === "incomplete"
          ? (INCOMPLETE[incomplete_details?.reason ?? ""] ?? null)
          : calls.length > 0
            ? "tools"
            : "stop",
    errorCode: error?.code ?? null,
    inputTokens: usage?.input_tokens ?? null,
    outputTokens: usage?.output_tokens ?? null,
    cost: usage?.cost ?? null,
    turn: output,
  };
}

const INCOMPLETE: Record<string, Told["finish"]> = { max_output_tokens: "length", content_filter: "refusal" };
