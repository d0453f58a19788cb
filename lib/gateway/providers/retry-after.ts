/** How long an upstream asks us to wait, in milliseconds: `retry-after-ms`, or `retry-after` as seconds or a date. */
export function retryAfterMs(headers: Record<string, string | undefined>, now = Date.now()): number | null {
  const milliseconds = Number(headers["retry-after-ms"]);
  if (headers["retry-after-ms"] && Number.isFinite(milliseconds)) return Math.max(0, milliseconds);
  const value = headers["retry-after"];
  if (!value) return null;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
