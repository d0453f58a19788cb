import type { z } from "zod";
import { AppError } from "@/lib/errors";

const MAX_BODY_BYTES = 1_000_000;
const POLLUTING = new Set(["__proto__", "constructor", "prototype"]);

/** The text of a JSON body, read no further than its limit. Throws request_too_large. */
export async function readBody(request: Request, maxBytes = MAX_BODY_BYTES): Promise<string> {
  const tooLarge = () => new AppError("request_too_large", `The body is larger than ${maxBytes} bytes.`);
  if (Number(request.headers.get("content-length")) > maxBytes) throw tooLarge();
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.length;
    if (length > maxBytes) throw tooLarge();
    parts.push(part);
  }
  return new TextDecoder().decode(Buffer.concat(parts));
}

/** Throws invalid_json. Keys that could reach a prototype are dropped. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, (key, value) => (POLLUTING.has(key) ? undefined : value));
  } catch (cause) {
    throw new AppError("invalid_json", "The body is not valid JSON.", { cause });
  }
}

/** Throws invalid_request that names the field and says what it must be. */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown, noun: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  if (!issue) throw new AppError("invalid_request", `The ${noun} is not valid.`);
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const keys = issue.keys.map((key) => [...path, key].join("."));
    throw new AppError("invalid_request", `Unknown ${noun}: ${keys.join(", ")}.`, { param: keys[0] });
  }
  const param = path.join(".");
  const isMissing = issue.code !== "custom" && valueAt(value, issue.path) === undefined && path.length > 0;
  const message = isMissing ? "is required" : readable(issue.message);
  throw new AppError(
    "invalid_request",
    param ? `${param}: ${message}.` : `The ${noun} ${message}.`,
    param ? { param } : {},
  );
}

/** `a=1&a=2` reads as "1,2", like `a=1,2`. */
export function readQuery(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name).join(",")]));
}

function valueAt(value: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

/** Zod's own sentences begin with a capital and end without a full stop. */
function readable(message: string): string {
  const text = message.replace(/\.$/, "");
  return text.charAt(0).toLowerCase() + text.slice(1);
}
