"use client";

import { useLocale, useTranslations } from "next-intl";
import { Meter } from "@/components/ui/meter";
import { formatExactUsd, formatMoney } from "@/lib/format-money";
import type { KeyRow } from "@/lib/keys/schema";
import { parseUsd, shareOf } from "@/lib/money";

/** Spend of the budget's current period with its bar; a dash where the key has no budget. */
export function Budget({ budgetUsd, budgetPeriod, spentUsd }: Pick<KeyRow, "budgetUsd" | "budgetPeriod" | "spentUsd">) {
  const t = useTranslations("keys");
  const locale = useLocale();
  if (budgetUsd === null) return <span className="text-ink-2">{t("noBudget")}</span>;
  const [spentNano, budgetNano] = [parseUsd(spentUsd ?? "0"), parseUsd(budgetUsd)];
  const [spent, amount] = [formatMoney(spentNano, locale), formatMoney(budgetNano, locale)];
  const text =
    budgetPeriod && budgetPeriod !== "total"
      ? t("spentOfPeriod", { spent, amount, period: t(`periods.${budgetPeriod}`) })
      : t("spentOfTotal", { spent, amount });
  return (
    <div className="min-w-36">
      <span className="figures text-sm" title={formatExactUsd(spentNano, locale)}>
        {text}
      </span>
      <Meter label={t("budgetUsed")} text={text} share={shareOf(spentNano, budgetNano)} className="mt-1" />
    </div>
  );
}
