/** A tool that the provider runs may be called so often in one answer: each call may read the whole context window anew, and
 *  all of it is held for. */
const MOST_CALLS = 5;

/** The limit that goes upstream in place of the client's, and is held for. */
export function clampCalls(asked: unknown): number {
  return typeof asked === "number" && Number.isInteger(asked) && asked >= 0 ? Math.min(asked, MOST_CALLS) : MOST_CALLS;
}
