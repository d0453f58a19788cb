import type { LineClass, RateClass } from "@/lib/billing/pricing";
import type { ReceiptLine } from "@/lib/billing/receipt";
import { formatUsd } from "@/lib/money";

const NANO_PER_MILLIONTH = 1_000_000n;
const MIN_DECIMALS = 6;

/** Nano-USD amounts as dollars with one number of decimals for all: at least six, more where one of them needs it. */
export function formatAmounts(amounts: readonly bigint[], locale: string): string[] {
  const texts = amounts.map(formatUsd);
  const decimals = Math.max(MIN_DECIMALS, ...texts.map(decimalsOf));
  return texts.map((text) => dollars(text, locale, decimals));
}

/** Millionths of a nano-USD -> nano-USD, half up. Only a line is rounded like this; the total is added exactly before. */
export function lineNano(line: Pick<ReceiptLine, "nanoMillionths">): bigint {
  return (BigInt(line.nanoMillionths) + NANO_PER_MILLIONTH / 2n) / NANO_PER_MILLIONTH;
}

export type Arithmetic = {
  quantity: string;
  unit: "tokens" | "characters" | "seconds" | null;
  rate: string;
  per: string;
};

/** "1,204 tok × $0.25 /M": what was counted and what one of it (or a million) costs. */
export function arithmeticOf(line: ReceiptLine, locale: string): Arithmetic {
  const rate = BigInt(line.rate);
  const count = new Intl.NumberFormat(locale).format(line.units);
  const perUnit = dollars(formatUsd(rate / NANO_PER_MILLIONTH), locale);
  if (line.class === "perImage" || line.class === "perRequest" || line.class.startsWith("toolCall:")) {
    return { quantity: count, unit: null, rate: perUnit, per: "" };
  }
  if (line.class === "perSecond") {
    // Time is metered in milliseconds; people read seconds.
    const quantity = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }).format(line.units / 1000);
    return { quantity, unit: "seconds", rate: dollars(formatUsd(rate / 1000n), locale), per: "/s" };
  }
  const unit = line.class === "perMillionCharacters" ? "characters" : "tokens";
  return { quantity: count, unit, rate: dollars(formatUsd(rate), locale), per: "/M" };
}

/** "req_01k9…5thq": enough of an id to recognise it. */
export function shortId(id: string): string {
  return id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id;
}

/** The message key of a line's class, and the name it carries: of a tool, or of an image's size and quality. */
export function classKey(name: LineClass): { key: RateClass | "toolCall" | "image"; name: string } {
  const [, kind, own = ""] = /^(toolCall|image):(.*)$/s.exec(name) ?? [];
  // safe because only these two kinds carry a name
  return kind ? { key: kind as "toolCall" | "image", name: own } : { key: name as RateClass, name: "" };
}

function dollars(decimal: string, locale: string, decimals = Math.max(2, decimalsOf(decimal))): string {
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  // safe because formatUsd writes plain decimals; passed as text, no digit is lost
  return format.format(decimal as `${number}`);
}

function decimalsOf(decimal: string): number {
  return decimal.split(".")[1]?.length ?? 0;
}
