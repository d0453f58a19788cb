import { expect, it } from "vitest";
import { retryAfterMs } from "@/lib/gateway/providers/retry-after";

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
])("%j is %s ms", (headers, wait) => {
  expect(retryAfterMs(headers, NOW)).toBe(wait);
});
