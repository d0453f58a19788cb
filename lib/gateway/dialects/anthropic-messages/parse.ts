import { AppError } from "@/lib/errors";
import { dropHosted } from "@/lib/gateway/dialects/anthropic-messages/hosted";
import { mediaTokenBound } from "@/lib/gateway/dialects/anthropic-messages/media-bound";
import { flagOf } from "@/lib/gateway/dialects/body-fields";
import type { ParsedCall } from "@/lib/gateway/dialects/dialect";
import { refuseFileIds } from "@/lib/gateway/dialects/file-ids";
import type { JsonObject } from "@/lib/gateway/json-body";

const MAX_MESSAGES = 10_000;

/** A request of the Messages API. */
export function parseMessages(
  body: JsonObject,
  inputBytes: number,
  headers: Readonly<Record<string, string | undefined>>,
): ParsedCall {
  const { model } = body;
  if (typeof model !== "string" || model.trim() === "")
    throw missing("model", 'a model id such as "anthropic/claude-sonnet-4-5"');
  refuseThread(body);
  const messages = checkMessages(body.messages);
  const { warnings, hosted } = dropHosted(body);
  return {
    model,
    stream: flagOf(body, "stream"),
    includeUsage: true,
    maxOutputTokens: tokenLimit(body.max_tokens),
    choices: 1,
    inputBytes,
    mediaTokens: mediaTokenBound(messages),
    affinity: affinityOf(body.metadata),
    warnings,
    upstreamHeaders: protocolHeaders(headers),
    body,
    ...(hosted && { hosted }),
  };
}

/** A conversation that the provider keeps belongs to the hub's account there: whoever knows its id could read on in another
 *  organisation's, and its input is charged without being held for. */
function refuseThread(body: JsonObject): void {
  const { thread } = body;
  delete body.thread;
  if (thread === undefined || thread === null) return;
  throw new AppError(
    "unsupported_parameter",
    "thread: conversations are not stored here. Send all messages, without a thread.",
    { param: "thread" },
  );
}

const PROTOCOL_HEADERS = ["anthropic-version", "anthropic-beta"];

function protocolHeaders(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    PROTOCOL_HEADERS.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
}

function checkMessages(messages: unknown): JsonObject[] {
  if (!Array.isArray(messages) || messages.length === 0) throw missing("messages", "a list with at least one message");
  if (messages.length > MAX_MESSAGES)
    throw new AppError("invalid_request", `messages: at most ${MAX_MESSAGES} messages are taken.`, {
      param: "messages",
    });
  messages.forEach((message: JsonObject | null, index) => {
    const role = message?.role;
    if (role !== "user" && role !== "assistant" && role !== "system")
      throw new AppError("invalid_request", `messages.${index}.role: must be "user" or "assistant".`, {
        param: `messages.${index}.role`,
      });
    const { content } = message as JsonObject;
    if (typeof content !== "string" && !Array.isArray(content))
      throw new AppError("invalid_request", `messages.${index}.content: must be a text or a list of blocks.`, {
        param: `messages.${index}.content`,
      });
  });
  refuseFileIds("messages", messages);
  return messages as JsonObject[];
}

function tokenLimit(value: unknown): number {
  if (value === undefined || value === null) throw missing("max_tokens", "the most tokens the answer may have");
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1)
    throw new AppError("invalid_request", "max_tokens: must be a positive integer.", { param: "max_tokens" });
  return value;
}

function affinityOf(metadata: unknown): string | null {
  const user = (metadata as { user_id?: unknown } | null | undefined)?.user_id;
  return typeof user === "string" && user !== "" ? user : null;
}

function missing(name: string, what: string): AppError {
  return new AppError("invalid_request", `${name}: field required. Give ${what}.`, { param: name });
}
