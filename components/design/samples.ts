/** Words and figures of the gallery. They are no texts of the product, so they are in no language file. */
export const WORDS = {
  title: "Components",
  name: "Support bot",
  text: "A key lets one app call the API with its own budget.",
  help: "You will recognise calls by it.",
  error: "Enter a name.",
  search: "Search",
  submit: "Create key",
  cancel: "Cancel",
  danger: "Revoke",
  copy: "Copy base URL",
  open: "Open",
  hint: "$0.000301024",
  refused: "The change was not made: the key is revoked.",
  saved: "Saved",
  total: "Total",
  model: "Model",
  calls: "Requests",
  spend: "Spend, $",
  loading: "Loading",
  who: "An owner or an admin",
  reference: "Request",
  code: "Code",
} as const;

export const STATES = ["neutral", "positive", "warning", "danger"] as const;
export const VARIANTS = ["primary", "outline", "quiet", "danger"] as const;

export const ROWS = [
  { id: "openai/gpt-5-mini", calls: 1204, usd: "0.301" },
  { id: "anthropic/claude-sonnet-4-5", calls: 311, usd: "1.4021" },
  { id: "sandbox/chat", calls: 2, usd: "0.000041" },
] as const;

export const PERIODS = [
  { value: "day", label: "Per day" },
  { value: "month", label: "Per month" },
] as const;

export const SERIES = ROWS.map(({ id }) => ({ id, label: id }));

const DAYS = ["Nov 17", "Nov 18", "Nov 19", "Nov 20", "Nov 21"];
export const POINTS = DAYS.map((label, day) => ({
  label,
  values: Object.fromEntries(ROWS.map(({ id }, row) => [id, ((day * 7 + row * 5) % 11) + 1])),
}));
