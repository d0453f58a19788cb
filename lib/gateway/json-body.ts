import { AppError } from "@/lib/errors";

export type JsonObject = Record<string, unknown>;

const MAX_DEPTH = 64;
const MAX_KEYS = 10_000;
/** Smaller bodies cannot nest deep enough, nor hold keys enough, to keep the parser busy. */
const SCANNED_BYTES = 16 * 1024;
const POLLUTING = new Set(["__proto__", "constructor", "prototype"]);

/** A request body as a plain JSON object. A byte-order mark is accepted whatever the content type says. Keys that could
 *  reach a prototype are dropped. Throws invalid_json; invalid_request for other JSON values and for absurd nesting. */
export function parseJsonObject(body: Buffer): JsonObject {
  const value = parse(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new AppError("invalid_request", "The request body must be a JSON object.");
  }
  checkShape(value, 1, { keys: 0 });
  return value as JsonObject;
}

function parse(body: Buffer): unknown {
  const start = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  if (body.length === start) throw new AppError("invalid_json", "The request body is empty. Send a JSON object.");
  if (body.length > SCANNED_BYTES) scan(body, start);
  try {
    return JSON.parse(body.toString("utf8", start));
  } catch {
    // the parser's own message would repeat part of the body
    throw new AppError("invalid_json", "The request body is not valid JSON. Check quotes, commas and brackets.");
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Refuses what `checkShape` would, before the parser sees it: ten million brackets take it ten seconds. */
function scan(body: Buffer, start: number): void {
  let depth = 0;
  let keys = 0;
  let inString = false;
  for (let i = start; i < body.length; i++) {
    const byte = body[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_DEPTH) throw tooDeep();
    } else if (byte === 0x7d || byte === 0x5d) depth--;
    else if (byte === COLON && ++keys > MAX_KEYS) throw tooManyKeys();
  }
}

function tooDeep(): AppError {
  return new AppError("invalid_request", `The request body is nested deeper than ${MAX_DEPTH} levels.`);
}

function tooManyKeys(): AppError {
  return new AppError("invalid_request", `The request body has more than ${MAX_KEYS} keys.`);
}

function checkShape(value: object, depth: number, count: { keys: number }): void {
  if (depth > MAX_DEPTH) throw tooDeep();
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object" && item !== null) checkShape(item, depth + 1, count);
    return;
  }
  for (const key in value) {
    if (POLLUTING.has(key)) {
      delete (value as JsonObject)[key];
      continue;
    }
    if (++count.keys > MAX_KEYS) throw tooManyKeys();
    const item = (value as JsonObject)[key];
    if (typeof item === "object" && item !== null) checkShape(item, depth + 1, count);
  }
}
