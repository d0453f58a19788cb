/** Fields of a key's audit rows that have a name on screen. What is spent changes by itself and is left out. */
const FIELDS = [
  "name",
  "note",
  "app",
  "status",
  "allowedModels",
  "allowedIps",
  "expiresAt",
  "budgetUsd",
  "budgetPeriod",
  "dailyCapUsd",
  "rpm",
  "tpm",
  "maxConcurrency",
  "last4",
  "overlapHours",
] as const;
type KeyField = (typeof FIELDS)[number];

/** null: nothing was or is set. */
export type Change = { field: string; before: string | null; after: string | null };

export function isKeyField(field: string): field is KeyField {
  return FIELDS.some((one) => one === field);
}

/** The fields of an audit row that differ, as text. */
export function changesOf(before: unknown, after: unknown): Change[] {
  const [old, now] = [record(before), record(after)];
  return FIELDS.flatMap((field) => {
    const [from, to] = [text(old[field]), text(now[field])];
    return from === to ? [] : [{ field, before: from, after: to }];
  });
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function text(value: unknown): string | null {
  if (value === null || value === undefined || value === "") return null;
  if (Array.isArray(value)) return value.length > 0 ? value.join(", ") : null;
  return String(value);
}
