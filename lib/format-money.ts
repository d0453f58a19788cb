import { formatUsd, type Nano } from "@/lib/money";

const CENT_NANO = 10_000_000n;
const DOLLAR_NANO = 1_000_000_000n;
const MINUS = "\u2212";

/** Nano-USD as people read it: at a dollar or more two decimals, from a cent up to four, below a cent two significant
 *  digits, so that a paid amount never looks like nothing. `toward-zero` is for what is left to spend, which must not
 *  look like more than it is; charges round half up. The exact amount belongs into a tooltip: `formatExactUsd`. */
export function formatMoney(amountNano: Nano, locale: string, rounding: "half-up" | "toward-zero" = "half-up"): string {
  const size = amountNano < 0n ? -amountNano : amountNano;
  const digits =
    size >= DOLLAR_NANO || size === 0n
      ? { minimumFractionDigits: 2, maximumFractionDigits: 2 }
      : size >= CENT_NANO
        ? { minimumFractionDigits: 2, maximumFractionDigits: 4 }
        : { minimumSignificantDigits: 1, maximumSignificantDigits: 2 };
  return currency(amountNano, locale, {
    ...digits,
    roundingMode: rounding === "toward-zero" ? "trunc" : "halfExpand",
  });
}

/** Every decimal the amount has, at least two. */
export function formatExactUsd(amountNano: Nano, locale: string): string {
  return currency(amountNano, locale, { minimumFractionDigits: 2, maximumFractionDigits: 9 });
}

function currency(amountNano: Nano, locale: string, options: Intl.NumberFormatOptions): string {
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    ...options,
  });
  // safe because formatUsd writes plain decimals; passed as text, no digit is lost
  return format.format(formatUsd(amountNano) as `${number}`).replace("-", MINUS);
}
