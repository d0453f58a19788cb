import { AppError } from "@/lib/errors";
import { splitState, uniqueId } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";

/** A call of an earlier turn, with an id that every provider takes. */
export type PastCall = { id: string; name: string; input: unknown; state: string | null; call: JsonObject };
/** A message whose tool calls are `calls`, each answered by the result of the same position. */
export type PastMessage =
  | { kind: "plain"; message: JsonObject; index: number }
  | { kind: "calls"; message: JsonObject; index: number; calls: PastCall[]; results: JsonObject[] };

/** Messages with every tool call answered, in order, right behind it, and with ids that are legal and used once. Legacy
 *  functions become tools. Throws invalid_request for a result without its call and a call without its result. */
export function pairToolCalls(messages: readonly JsonObject[]): PastMessage[] {
  const history: PastMessage[] = [];
  const usedIds = new Set<string>();
  let open: OpenCalls | null = null;
  for (const [index, given] of messages.entries()) {
    const message = given.role === "assistant" ? withToolCalls(given, index) : given;
    if (message.role === "tool" || message.role === "function") {
      if (!open?.take(message)) throw unanswerable(message, index);
      continue;
    }
    const calls = arrayOf(message.tool_calls);
    if (message.role === "assistant" && calls.length > 0) {
      open?.close();
      open = new OpenCalls(message, index, calls, usedIds);
      history.push(open.past);
    } else {
      if (message.role === "assistant") {
        open?.close();
        open = null;
      }
      history.push({ kind: "plain", message, index });
    }
  }
  open?.close();
  return history;
}

/** The calls of one turn that wait for their results. */
class OpenCalls {
  readonly past: Extract<PastMessage, { kind: "calls" }>;
  private readonly givenIds: string[];

  constructor(message: JsonObject, index: number, calls: JsonObject[], usedIds: Set<string>) {
    this.givenIds = calls.map(({ id }) => splitState(String(id ?? "")).id);
    const past = calls.map((call, at): PastCall => {
      const { name, arguments: input } = (call.function ?? {}) as JsonObject;
      const { state } = splitState(String(call.id ?? ""));
      return { id: uniqueId(this.givenIds[at] ?? "", usedIds), name: String(name ?? ""), input, state, call };
    });
    this.past = { kind: "calls", message, index, calls: past, results: [] };
  }

  /** False where the result answers none of these calls. */
  take(result: JsonObject): boolean {
    const { calls, results } = this.past;
    const id = splitState(String(result.tool_call_id ?? "")).id;
    const isFree = (at: number) => results[at] === undefined;
    // legacy results name their function; of calls with the same id each result takes the next one
    const at = calls.findIndex(
      (call, position) =>
        isFree(position) && (result.role === "function" ? call.name === result.name : this.givenIds[position] === id),
    );
    if (at < 0) return false;
    results[at] = result;
    return true;
  }

  close(): void {
    const missing = this.past.calls.find((_call, at) => this.past.results[at] === undefined);
    if (missing)
      throw new AppError(
        "invalid_request",
        `"messages[${this.past.index}]" calls the tool "${missing.name}", and no message behind it holds the result.`,
        { param: "messages" },
      );
  }
}

/** `function_call`, which came before `tool_calls`. */
function withToolCalls(message: JsonObject, index: number): JsonObject {
  const legacy = message.function_call;
  if (arrayOf(message.tool_calls).length > 0 || typeof legacy !== "object" || legacy === null) return message;
  return { ...message, tool_calls: [{ id: `call_${index}`, type: "function", function: legacy }] };
}

function unanswerable(message: JsonObject, index: number): AppError {
  const name = message.role === "function" ? message.name : splitState(String(message.tool_call_id ?? "")).id;
  return new AppError(
    "invalid_request",
    `"messages[${index}]" answers the tool call "${String(name)}", which the turn before it did not make.`,
    { param: "messages" },
  );
}

function arrayOf(value: unknown): JsonObject[] {
  return Array.isArray(value)
    ? value.filter((item): item is JsonObject => typeof item === "object" && item !== null)
    : [];
}
