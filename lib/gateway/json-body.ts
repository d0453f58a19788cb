import { AppError } from "@/lib/errors";

export type JsonObject = Record<string, unknown>;

const MAX_DEPTH = 64;
const MAX_KEYS = 10_000;
/** The parser that keeps digits takes a microsecond for each value, and nobody else is served meanwhile. */
const MAX_VALUES_WITH_DIGITS = 100_000;
/** Smaller bodies cannot nest deep enough, nor hold keys enough, to keep the parser busy. */
const SCANNED_BYTES = 16 * 1024;

/** A request body as a plain JSON object. A byte-order mark is accepted whatever the content type says. Keys that could
 *  reach a prototype are dropped; a property that is only called "constructor" stays. Integers that no number holds, such as
 *  64-bit ids in a tool's input, keep their digits: they are objects that stringify as themselves. Throws invalid_json;
 *  invalid_request for other JSON values and for absurd nesting. */
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
  const text = body.toString("utf8", start);
  const isLong = body.length > SCANNED_BYTES ? scan(body, start) : LONG_INTEGER.test(text);
  try {
    return isLong ? measured(JSON.parse(text, keepDigits)) : JSON.parse(text);
  } catch {
    // the parser's own message would repeat part of the body
    throw new AppError("invalid_json", "The request body is not valid JSON. Check quotes, commas and brackets.");
  }
}

/** The least digits of an integer that a number may not hold. */
const LONG_DIGITS = 16;
/** May stand in a text too: then the slower parser finds nothing. */
const LONG_INTEGER = new RegExp(`(?<![\\d.])\\d{${LONG_DIGITS}}`);
const INTEGER = /^-?\d+$/;
/** Of our own fields, one may be as long; the others are measured. */
const LONG_FIELDS = new Set(["seed"]);

/** V8 gives a number's own digits, of which the library types know nothing yet. */
const rawJson = JSON as unknown as { rawJSON(text: string): object; isRawJSON(value: unknown): boolean };
type Reviver = (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown;

const keepDigits = ((_key, value, { source = "" }) => {
  const isLong = typeof value === "number" && !Number.isSafeInteger(value) && INTEGER.test(source);
  return isLong ? rawJson.rawJSON(source) : value;
}) satisfies Reviver as (key: string, value: unknown) => unknown;

function measured(body: JsonObject): JsonObject {
  for (const [name, value] of Object.entries(body ?? {}))
    if (rawJson.isRawJSON(value) && !LONG_FIELDS.has(name)) body[name] = Number((value as JsonObject).rawJSON);
  return body;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const DOT = 0x2e;

/** Refuses what `checkShape` would, before the parser sees it: ten million brackets take it ten seconds. True where there is a long
 *  integer outside of texts. */
function scan(body: Buffer, start: number): boolean {
  let depth = 0;
  let keys = 0;
  let values = 0;
  let inString = false;
  // of the integer that is being read; far below zero in a fraction
  let digits = 0;
  let isLong = false;
  for (let i = start; i < body.length; i++) {
    // safe because i stays within the body
    const byte = body[i] as number;
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte >= 0x30 && byte <= 0x39) {
      if (++digits === LONG_DIGITS) isLong = true;
    } else {
      digits = byte === DOT ? -body.length : 0;
      if (byte === QUOTE) inString = true;
      else if (byte === COMMA) values++;
      else if (byte === 0x7b || byte === 0x5b) {
        if (++depth > MAX_DEPTH) throw tooDeep();
      } else if (byte === 0x7d || byte === 0x5d) depth--;
      else if (byte === COLON && ++keys > MAX_KEYS) throw tooManyKeys();
    }
  }
  if (isLong && values > MAX_VALUES_WITH_DIGITS)
    throw new AppError(
      "invalid_request",
      `The request body has more than ${MAX_VALUES_WITH_DIGITS} values beside an integer of ${LONG_DIGITS} digits or more. Send it as a text.`,
    );
  return isLong;
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
    if (isPolluting(key, (value as JsonObject)[key])) {
      delete (value as JsonObject)[key];
      continue;
    }
    if (++count.keys > MAX_KEYS) throw tooManyKeys();
    const item = (value as JsonObject)[key];
    if (typeof item === "object" && item !== null) checkShape(item, depth + 1, count);
  }
}

function isPolluting(key: string, value: unknown): boolean {
  if (key !== "constructor") return key === "__proto__";
  return typeof value === "object" && value !== null && Object.hasOwn(value, "prototype");
}
