import { AppError } from "@/lib/errors";

/** The place after the last row of a page, opaque to the caller. It holds sort values only, never a right to see a row. */
export function encodeCursor(...values: string[]): string {
  return Buffer.from(JSON.stringify(values)).toString("base64url");
}

/** Throws invalid_request when `cursor` was not made by encodeCursor with as many values. */
export function decodeCursor(cursor: string, count: number): string[] {
  const values = parse(cursor);
  if (Array.isArray(values) && values.length === count && values.every((value) => typeof value === "string"))
    return values;
  throw new AppError("invalid_request", "cursor: must be the nextCursor of a page", { param: "cursor" });
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    return null;
  }
}
