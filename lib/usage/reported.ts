/** What an attempt stored of its provider's own report: the usage object as it came, and what was odd about it. */
export type StoredReport = { reported: Record<string, unknown> | null; anomalies: string[] };

/** Reads `attempt.usage`. Older rows hold neither. */
export function readReport(usage: unknown): StoredReport {
  const { reported, anomalies } = (usage ?? {}) as { reported?: unknown; anomalies?: unknown };
  return {
    reported: isObject(reported) ? reported : null,
    anomalies: Array.isArray(anomalies) ? anomalies.filter((word) => typeof word === "string") : [],
  };
}

const SAYS_MONEY = /cost|price|byok|billing|margin/i;

/** A report as the tenant may see it: without whatever says what the provider charges us. */
export function withoutMoney(report: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(report)
      .filter(([name]) => !SAYS_MONEY.test(name))
      .map(([name, value]) => [name, isObject(value) ? withoutMoney(value) : value]),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
