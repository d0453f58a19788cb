"use client";

import { useFormatter, useTranslations } from "next-intl";
import { Usd } from "@/components/admin/usd";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { type Column, DataTable } from "@/components/ui/data-table";
import type { SyncRow } from "@/lib/catalog/import-schema";

type Props = {
  caption: string;
  rows: readonly SyncRow[];
  chosen: ReadonlySet<string>;
  /** null: it is applied, or only looked at. */
  onChoose: ((keys: readonly string[], isChosen: boolean) => void) | null;
  /** Keys of what was applied; null before. */
  applied: readonly string[] | null;
};

/** One group of a comparison: each model with what would change, rate by rate. */
export function SyncRows({ caption, rows, chosen, onChoose, applied }: Props) {
  const t = useTranslations("admin.catalogue");
  const format = useFormatter();
  const rateName = useRateName();
  const keys = rows.filter(({ effect }) => effect !== "none").map(({ key }) => key);
  const areAll = keys.every((key) => chosen.has(key));
  const columns: Column<SyncRow>[] = [
    {
      id: "model",
      header: t("model"),
      phone: "lead",
      sortBy: ({ model }) => model,
      cell: ({ key, model, provider, upstreamModel, effect, isCustom }) => (
        <span className="flex items-start gap-3 py-1.5">
          {onChoose && (
            <Checkbox
              checked={chosen.has(key)}
              disabled={effect === "none"}
              onCheckedChange={(is) => onChoose([key], is)}
              aria-label={`${provider} ${upstreamModel}`}
              className="mt-0.5 pointer-coarse:size-6"
            />
          )}
          <span className="min-w-0">
            <span className="font-mono text-sm wrap-anywhere">{model}</span>
            <span className="block text-sm font-normal text-ink-2 wrap-anywhere">
              {t("at", { provider, upstreamModel })}
              {isCustom && ` · ${t("custom")}`}
            </span>
          </span>
        </span>
      ),
    },
    {
      id: "changes",
      header: t("changes"),
      phone: "line",
      cell: ({ effect, changes, reasons }) => (
        <div className="flex flex-col gap-1 py-1">
          {effect === "disable" && <span>{t("switchesOff")}</span>}
          <Changes changes={changes} />
          {reasons.map(({ reason, rates }) => (
            <span key={reason} className="text-sm text-ink-2">
              <Badge variant="warning">{t(`reasons.${reason}`)}</Badge>{" "}
              <span className="wrap-anywhere">{format.list(rates.map(rateName))}</span>
            </span>
          ))}
        </div>
      ),
    },
    {
      id: "state",
      header: applied ? t("state") : t("source"),
      phone: "side",
      cell: ({ key, source }) =>
        applied ? (
          <Badge variant={applied.includes(key) ? "positive" : "neutral"}>
            {t(applied.includes(key) ? "rowApplied" : "rowLeft")}
          </Badge>
        ) : (
          <span className="text-sm text-ink-2 wrap-anywhere" title={source}>
            {sourceName(source, t("bundled"))}
          </span>
        ),
    },
  ];
  return (
    <>
      {onChoose && keys.length > 1 && (
        <Button size="small" className="mb-2" onClick={() => onChoose(keys, !areAll)}>
          {areAll ? t("chooseNone") : t("chooseAll", { count: keys.length })}
        </Button>
      )}
      <DataTable
        caption={caption}
        columns={columns}
        rows={rows}
        rowId={({ key }) => key}
        // the same columns in every group, however long their texts
        className="sm:table-fixed sm:[&_td]:align-top sm:[&_th:first-child]:w-[46%] sm:[&_th:nth-child(2)]:w-[36%] sm:[&_tbody_th]:align-top"
      />
    </>
  );
}

/** Up is no better than down here, so neither has a colour. */
const CHANGE = { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" } as const;

/** Figures in lines: the rate, what it was, what it would be. */
function Changes({ changes }: Pick<SyncRow, "changes">) {
  const t = useTranslations("admin.catalogue");
  const format = useFormatter();
  const rateName = useRateName();
  if (changes.length === 0) return null;
  return (
    <ul className="grid w-fit grid-cols-[auto_auto_auto_auto] gap-x-4 gap-y-0.5 max-sm:grid-cols-[auto_auto_auto]">
      {changes.map(({ rate, before, after, changePercent }) => (
        <li key={rate} className="contents">
          <span className="text-ink-2 wrap-anywhere max-sm:col-span-3">{rateName(rate)}</span>
          <span className="figures text-right">
            <span className="sr-only">{t("before")} </span>
            <Usd amount={before} />
          </span>
          <span className="figures text-right">
            <span aria-hidden>→ </span>
            <span className="sr-only">{t("after")} </span>
            <Usd amount={after} />
          </span>
          <span className="figures text-right text-ink-2">
            {changePercent !== null && `${format.number(Number(changePercent), CHANGE).replace("-", "\u2212")} %`}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** A rate's path, such as `tiers.200000.cacheRead`, in words. */
function useRateName(): (path: string) => string {
  const t = useTranslations("admin.catalogue");
  const classes = useTranslations("receipt.classes");
  const nameOf = (path: string): string => {
    const [group, key = "", ...rest] = path.split(".");
    if (group === "tiers") return t("rateAbove", { rate: nameOf(rest.join(".")), tokens: Number(key) });
    if (group === "serviceTiers") return `${key} · ${nameOf(rest.join("."))}`;
    const name = path.slice(path.indexOf(".") + 1);
    if (group === "perToolCall") return classes("toolCall", { name });
    if (group === "perImageVariant") return classes("image", { name });
    // safe because only a class with a name is asked for
    return classes.has(path as "input") ? classes(path as "input") : path;
  };
  return nameOf;
}

function sourceName(source: string, bundled: string): string {
  if (source === "bundled") return bundled;
  return URL.canParse(source) ? new URL(source).host : source;
}
