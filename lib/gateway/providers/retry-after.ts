type Headers = Record<string, string | undefined>;

/** How long an upstream that refused a call asks us to wait, in milliseconds: `retry-after-ms`, `retry-after` as seconds or a
 *  date, else the reset of a limit of which nothing is left. Null where it does not say. */
export function retryAfterMs(headers: Headers, now = Date.now()): number | null {
  const milliseconds = Number(headers["retry-after-ms"]);
  if (headers["retry-after-ms"] && Number.isFinite(milliseconds)) return Math.max(0, milliseconds);
  const value = headers["retry-after"];
  if (!value) return limitResetMs(headers, now);
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  return untilDate(value, headers, now);
}

/** A wait that is said in words only: "Please try again in 1m2.5s", "Please retry in 340ms". Null where there is none. */
export function spokenWaitMs(message: string): number | null {
  const said =
    /(?:try again|retry) (?:in|after) ((?:[\d.]+ ?(?:ms|milliseconds?|h|hours?|m|minutes?|s|seconds?)\b[ ,]*)+)/i;
  const found = said.exec(message)?.[1] ?? /(?:try again|retry) (?:in|after) ([\dhms.]+)/i.exec(message)?.[1];
  return found ? durationMs(found) : null;
}

/** The longest of `…ratelimit…reset` whose limit has nothing left, and of a bare one. */
function limitResetMs(headers: Headers, now: number): number | null {
  const waits = Object.entries(headers).flatMap(([name, value]) => {
    if (!value || !/ratelimit.*reset/.test(name)) return [];
    const left = headers[name.replace("reset", "remaining")];
    if (left !== undefined && Number(left) > 0) return [];
    const wait = resetMs(value, headers, now);
    return wait === null ? [] : [wait];
  });
  return waits.length > 0 ? Math.max(...waits) : null;
}

/** `6m0s`, seconds, or a moment: ISO text, seconds or milliseconds since 1970. */
function resetMs(value: string, headers: Headers, now: number): number | null {
  const number = Number(value);
  if (!Number.isFinite(number)) return durationMs(value) ?? untilDate(value, headers, now);
  if (number >= 1e12) return Math.max(0, number - now);
  return Math.max(0, number >= 1e9 ? number * 1000 - now : number * 1000);
}

/** By the upstream's own clock where it tells it: ours may differ. */
function untilDate(value: string, headers: Headers, now: number): number | null {
  const date = Date.parse(value);
  const theirs = Date.parse(headers.date ?? "");
  return Number.isNaN(date) ? null : Math.max(0, date - (Number.isNaN(theirs) ? now : theirs));
}

const UNIT_MS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

function durationMs(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?) ?(ms|milli|h|m|s)/gi)];
  if (parts.length === 0) return null;
  const unit = (name: string) => UNIT_MS[name.toLowerCase() === "milli" ? "ms" : name.toLowerCase()] ?? 0;
  return Math.ceil(parts.reduce((sum, [, amount, name = ""]) => sum + Number(amount) * unit(name), 0));
}
