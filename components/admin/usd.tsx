import { useLocale } from "next-intl";
import { formatExactUsd, formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type UsdProps = {
  amount: string | null | undefined;
  /** Toward zero: for what is left to spend. */
  down?: boolean;
  /** A side of a booking: below zero is no loss. */
  plain?: boolean;
};

/** Decimal USD as people read it, the exact amount in the tooltip; null is unknown, never 0. */
export function Usd({ amount, down = false, plain = false }: UsdProps) {
  const locale = useLocale();
  if (amount === null || amount === undefined) return <span className="text-ink-2">—</span>;
  const amountNano = parseUsd(amount);
  return (
    <span title={formatExactUsd(amountNano, locale)} className={amountNano < 0n && !plain ? "text-danger" : undefined}>
      {formatMoney(amountNano, locale, down ? "toward-zero" : "half-up")}
    </span>
  );
}

/** "12.5" as a percentage of the language; a gap where it is unknown. */
export function Percent({ value }: { value: string | null }) {
  const locale = useLocale();
  if (value === null) return <span className="text-ink-2">—</span>;
  const format = new Intl.NumberFormat(locale, {
    style: "percent",
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });
  const text = format.format(Number(value) / 100).replace("-", "\u2212");
  return <span className={value.startsWith("-") ? "text-danger" : undefined}>{text}</span>;
}
