"use client";

import { useFormatter, useLocale, useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { Budget } from "@/components/keys/budget";
import { AllowedModels } from "@/components/models/allowed-models";
import { Meter } from "@/components/ui/meter";
import { formatMoney } from "@/lib/format-money";
import type { KeyRow } from "@/lib/keys/schema";
import type { ListedModel } from "@/lib/model-patterns";
import { parseUsd } from "@/lib/money";

type KeyUsageProps = {
  row: KeyRow;
  /** The models that the organisation may call. */
  models: readonly ListedModel[];
  live: { heldUsd: string; calls: number; tokens: number; running: number };
};

/** Each limit with what counts against it now. */
export function KeyUsage({ row, models, live }: KeyUsageProps) {
  const t = useTranslations("keys");
  const format = useFormatter();
  const locale = useLocale();
  const counted = (label: string, used: number, limit: number | null): [string, ReactNode] => {
    if (limit === null)
      return [
        label,
        <span key={label} className="text-ink-2">
          {t("noLimit")}
        </span>,
      ];
    const text = t("usedOf", { used: format.number(used), limit: format.number(limit) });
    return [
      label,
      <div key={label} className="w-40 max-w-full">
        <span className="figures text-sm">{text}</span>
        <Meter label={label} text={text} share={used / limit} className="mt-1" />
      </div>,
    ];
  };
  const rows: [string, ReactNode][] = [
    [
      t("budgetColumn"),
      <div key="budget" className="flex flex-col items-end gap-1">
        <Budget {...row} />
        {row.budgetUsd !== null && parseUsd(live.heldUsd) > 0n && (
          <span className="figures text-xs text-ink-2">
            {t("heldNow", { amount: formatMoney(parseUsd(live.heldUsd), locale) })}
          </span>
        )}
      </div>,
    ],
    [
      t("dailyCapShort"),
      row.dailyCapUsd === null ? (
        <span key="cap" className="text-ink-2">
          {row.budgetPeriod === "day" ? t("budgetIsCap") : t("noLimit")}
        </span>
      ) : (
        <Budget key="cap" budgetUsd={row.dailyCapUsd} budgetPeriod="day" spentUsd={row.spentTodayUsd} />
      ),
    ],
    counted(t("rpmLabel"), live.calls, row.rpm),
    counted(t("tpmLabel"), live.tokens, row.tpm),
    counted(t("concurrencyLabel"), live.running, row.maxConcurrency),
    [
      t("modelsLabel"),
      row.allowedModels.length > 0 ? (
        <div key="models">
          <Codes values={row.allowedModels} />
          <AllowedModels patterns={row.allowedModels} models={models} />
        </div>
      ) : (
        t("all")
      ),
    ],
    [t("addressesLabel"), row.allowedIps.length > 0 ? <Codes key="ips" values={row.allowedIps} /> : t("any")],
  ];
  return <Facts rows={rows} />;
}

/** Names and values, parted by hairlines. */
export function Facts({ rows }: { rows: readonly [string, ReactNode][] }) {
  return (
    <dl className="border-t">
      {rows.map(([name, value]) => (
        <div key={name} className="flex items-center justify-between gap-6 border-b py-2">
          <dt className="shrink-0 text-ink-2">{name}</dt>
          <dd className="min-w-0 text-right wrap-anywhere">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Codes({ values }: { values: readonly string[] }) {
  return <code className="font-mono text-sm wrap-anywhere">{values.join(", ")}</code>;
}
