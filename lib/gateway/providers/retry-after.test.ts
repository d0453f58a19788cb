import { expect, it } from "vitest";
import { retryAfterMs, spokenWaitMs } from "@/lib/gateway/providers/retry-after";

const NOW = Date.UTC(2026, 0, 1, 12);

it.each<[Record<string, string>, number | null]>([
  [{}, null],
  [{ "retry-after": "" }, null],
  [{ "retry-after": "soon" }, null],
  [{ "retry-after": "0" }, 0],
  [{ "retry-after": "20" }, 20_000],
  [{ "retry-after": "0.25" }, 250],
  [{ "retry-after": "-5" }, 0],
  [{ "retry-after": "Thu, 01 Jan 2026 12:00:30 GMT" }, 30_000],
  [{ "retry-after": "Thu, 01 Jan 2026 11:59:00 GMT" }, 0],
  [{ "retry-after-ms": "1500" }, 1_500],
  [{ "retry-after-ms": "1500", "retry-after": "9" }, 1_500],
  [{ "retry-after-ms": "soon", "retry-after": "9" }, 9_000],
  [{ "retry-after-ms": "-1" }, 0],
  // the upstream's clock is ten seconds ahead
  [{ "retry-after": "Thu, 01 Jan 2026 12:00:30 GMT", date: "Thu, 01 Jan 2026 12:00:10 GMT" }, 20_000],
  [{ "x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "12" }, null],
  [
    {
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-remaining-requests": "12",
      "x-ratelimit-reset-tokens": "6m0.5s",
      "x-ratelimit-remaining-tokens": "0",
    },
    360_500,
  ],
  [{ "anthropic-ratelimit-tokens-reset": "2026-01-01T12:00:07Z", "anthropic-ratelimit-tokens-remaining": "0" }, 7_000],
  [{ "x-ratelimit-reset": String(NOW + 1_500) }, 1_500],
  [{ "x-ratelimit-reset": String(NOW / 1000 + 3) }, 3_000],
  [{ "x-ratelimit-reset": "3", "retry-after": "1" }, 1_000],
])("%j is %s ms", (headers, wait) => {
  expect(retryAfterMs(headers, NOW)).toBe(wait);
});

it.each<[string, number | null]>([
  ["Rate limit reached for gpt-x. Please try again in 2s. Visit the console.", 2_000],
  ["Please try again in 1m2.5s.", 62_500],
  ["Please retry in 340ms", 340],
  ["Please retry in 34.074824224s.", 34_075],
  ["Try again in 5 minutes, please.", 300_000],
  ["Please retry after 12 seconds.", 12_000],
  ["Slow down.", null],
  ["Please try again in a moment.", null],
])("%s is %s ms", (message, wait) => {
  expect(spokenWaitMs(message)).toBe(wait);
});
