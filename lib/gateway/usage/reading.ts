import type { Usage, UsageSource } from "@/lib/billing/usage";
import type { Nano } from "@/lib/money";

/** What a provider said a call used, in our exclusive classes. Without a usable report `usage` is empty and `source` is
 *  unknown: the caller then counts itself, since unknown is never zero. */
export type UsageReading = {
  usage: Usage;
  source: UsageSource;
  /** `anomalous:<field>` cannot be true · `unpriced_usage:<field>` is unknown to us and charged at the dearest rate ·
   *  other words name what an operator should look at. */
  anomalies: readonly string[];
  /** Nano-USD the provider says it charges us, where it says so. */
  costNano?: Nano;
};

/** Reads the usage object of one wire shape. Pure; never throws. */
export type ReadUsage = (raw: unknown) => UsageReading;

/** What is kept of a reading beside the usage: the provider's own words for the receipt, and what was odd about them. */
export type UsageReport = { raw: unknown; anomalies: readonly string[]; costNano?: Nano };

export const NOTHING_REPORTED: UsageReading = { usage: {}, source: "unknown", anomalies: [] };

/** No call uses more: a figure above it is a mistake, not usage. */
const MOST_UNITS = 100_000_000;

type Fields = Record<string, unknown>;

/** One usage object being read. Every field that is asked for becomes known; what remains in the end and counts tokens is
 *  unknown usage. A field that cannot be true spoils the whole report. */
export class RawUsage {
  readonly anomalies: string[] = [];
  private readonly known = new Set<string>();
  private isSpoilt = false;

  private constructor(private readonly raw: Fields) {}

  static of(raw: unknown): RawUsage | null {
    return isFields(raw) ? new RawUsage(raw) : null;
  }

  /** The count at `path` ("details.cached_tokens"); null where it is absent. */
  find(path: string): number | null {
    this.known.add(path);
    const value = valueAt(this.raw, path);
    if (value === undefined || value === null) return null;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= MOST_UNITS) return value;
    this.spoil(path);
    return null;
  }

  /** As `find`, absent being 0: only for parts of a total that is there. */
  count(path: string): number {
    return this.find(path) ?? 0;
  }

  at(path: string): unknown {
    return valueAt(this.raw, path);
  }

  /** Fields that repeat or break down what other fields count. `a.*` stands for all below `a`. */
  ignore(...paths: string[]): void {
    for (const path of paths) this.known.add(path);
  }

  spoil(path: string): void {
    this.isSpoilt = true;
    const word = `anomalous:${path}`;
    if (!this.anomalies.includes(word)) this.anomalies.push(word);
  }

  /** Ends the reading. `usage` states the plain classes too; parts larger than their total contradict it. */
  reading(usage: Usage, options: { insideTotals?: boolean; costNano?: Nano | null } = {}): UsageReading {
    const counted = this.withUnknown({ ...usage }, options.insideTotals ?? false);
    const cost = typeof options.costNano === "bigint" ? { costNano: options.costNano } : {};
    const counts = [...Object.entries(counted)].filter(
      (entry): entry is [string, number] => typeof entry[1] === "number",
    );
    for (const [name, units] of counts) if (units < 0 || units > MOST_UNITS) this.spoil(name);
    if (this.isSpoilt) return { ...NOTHING_REPORTED, anomalies: this.anomalies, ...cost };
    // safe because only classes of Usage are keys, and zeros carry nothing but for the plain classes
    const used = Object.fromEntries(
      Object.entries(counted).filter(([name, units]) => units !== 0 || name === "input" || name === "output"),
    ) as Usage;
    return { usage: used, source: "reported", anomalies: this.anomalies, ...cost };
  }

  /** Unknown token counts become `otherInput` and `otherOutput`. Those inside a total are taken out of its plain class. */
  private withUnknown(usage: Usage, insideTotals: boolean): Usage {
    for (const [path, units] of leaves(this.raw)) {
      if (typeof units !== "number" || units <= 0 || !COUNTS_TOKENS.test(path) || this.isKnown(path)) continue;
      this.find(path);
      if (this.isSpoilt) return usage;
      this.anomalies.push(`unpriced_usage:${path}`);
      const isOutput = SAYS_OUTPUT.test(path);
      const plain = isOutput ? "output" : "input";
      const other = isOutput ? "otherOutput" : "otherInput";
      const isPart = insideTotals || path.includes(".");
      const moved = isPart ? Math.min(units, usage[plain] ?? 0) : units;
      if (isPart) usage[plain] = (usage[plain] ?? 0) - moved;
      usage[other] = (usage[other] ?? 0) + moved;
    }
    return usage;
  }

  private isKnown(path: string): boolean {
    if (this.known.has(path)) return true;
    for (let dot = path.lastIndexOf("."); dot > 0; dot = path.lastIndexOf(".", dot - 1)) {
      if (this.known.has(`${path.slice(0, dot)}.*`)) return true;
    }
    return false;
  }
}

const COUNTS_TOKENS = /tokens?$|TokenCount$/i;
const SAYS_OUTPUT = /output|completion|candidate|generat|thought|reason/i;

/** USD as a JSON number or decimal text -> nano-USD, rounded up; null where it is no amount. */
export function reportedCost(value: unknown): Nano | null {
  const text = typeof value === "number" ? value.toFixed(12) : value;
  if (typeof text !== "string") return null;
  const match = /^(\d{1,9})(?:\.(\d{1,18}))?$/.exec(text);
  if (!match) return null;
  const [, whole = "0", fraction = ""] = match;
  const digits = BigInt(whole + fraction.padEnd(18, "0"));
  return (digits + 999_999_999n) / 1_000_000_000n;
}

function* leaves(value: unknown, prefix = ""): Generator<[string, unknown]> {
  if (!isFields(value)) return yield [prefix, value];
  for (const [name, inner] of Object.entries(value)) yield* leaves(inner, prefix ? `${prefix}.${name}` : name);
}

function valueAt(raw: Fields, path: string): unknown {
  let value: unknown = raw;
  for (const name of path.split(".")) {
    if (!isFields(value)) return undefined;
    value = value[name];
  }
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A report this long is no usage object; it is not kept. */
const MOST_KEPT_CHARACTERS = 8_192;

/** A reading as it is handed to the meter. */
export function reportOf(raw: unknown, { anomalies, costNano }: UsageReading, ...more: string[]): UsageReport {
  return { raw: raw ?? null, anomalies: [...anomalies, ...more], ...(costNano !== undefined && { costNano }) };
}

/** What an attempt stores of a report. */
export function keptReport(
  report: UsageReport | undefined,
  unpriced: readonly string[],
): { reported?: unknown; anomalies?: string[] } {
  const anomalies = [...new Set([...(report?.anomalies ?? []), ...unpriced])]
    .map((word) => word.slice(0, 100))
    .slice(0, 20);
  const isKept = report?.raw != null && JSON.stringify(report.raw).length <= MOST_KEPT_CHARACTERS;
  return { ...(isKept && { reported: report.raw }), ...(anomalies.length > 0 && { anomalies }) };
}
