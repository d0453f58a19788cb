"use client";

import { useLocale } from "next-intl";
import { formatExactUsd, formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type MoneyProps = {
  /** Decimal USD, as queries return it; null is unknown, never 0. */
  usd: string | null;
  rounding?: "half-up" | "toward-zero";
};

/** An amount as people read it; the exact one is in its tooltip. */
export function Money({ usd, rounding }: MoneyProps) {
  const locale = useLocale();
  if (usd === null) return <span className="text-ink-2">—</span>;
  const amountNano = parseUsd(usd);
  return (
    <span className="figures" title={formatExactUsd(amountNano, locale)}>
      {formatMoney(amountNano, locale, rounding)}
    </span>
  );
}
