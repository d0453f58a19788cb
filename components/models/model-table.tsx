"use client";

import Link from "next/link";
import { useFormatter, useLocale, useTranslations } from "next-intl";
import { useCallback, useMemo, useState } from "react";
import { EmptyState } from "@/components/shell/empty-state";
import { Button, buttonVariants } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Input } from "@/components/ui/input";
import { Money } from "@/components/ui/money";
import { SelectFrom } from "@/components/ui/select";
import type { OrgModel } from "@/lib/catalog/queries";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

/** A model with the organisation's calls of the last 30 days; null where this person may not see sums. */
export type ListedModel = OrgModel & { calls?: number | null };

const ANY = "";
/** What is not sold by the token; it has no column of its own. */
const UNIT_PRICES = ["perImage", "perSecond", "perMillionCharacters", "perRequest"] as const;

type ModelTableProps = {
  models: readonly ListedModel[];
  /** Where a model can be tried; null for whom the playground is closed. */
  playgroundHref: string | null;
};

/** Found by name, narrowed by type and provider. The calls stand in it only where an organisation is looking. */
export function ModelTable({ models, playgroundHref }: ModelTableProps) {
  const t = useTranslations("models");
  const ui = useTranslations("ui");
  const typeName = useTypeName();
  const format = useFormatter();
  const locale = useLocale();
  const [search, setSearch] = useState("");
  const [type, setType] = useState(ANY);
  const [provider, setProvider] = useState(ANY);
  const wanted = search.trim().toLowerCase();
  const shown = models.filter(
    (model) =>
      [model.id, model.displayName, ...model.aliases, ...model.providers].some((text) =>
        text.toLowerCase().includes(wanted),
      ) &&
      (type === ANY || model.type === type) &&
      (provider === ANY || model.providers.includes(provider)),
  );
  const hasCalls = models.some(({ calls }) => calls !== undefined);
  const clear = () => {
    setSearch("");
    setType(ANY);
    setProvider(ANY);
  };
  const columns = useMemo<Column<ListedModel>[]>(() => {
    const rate = (
      id: string,
      header: string,
      phone: "line" | "none",
      of: (price: NonNullable<OrgModel["price"]>) => string | undefined,
    ): Column<ListedModel> => ({
      id,
      header,
      numeric: true,
      phone,
      sortBy: ({ price }) => {
        const usd = price && of(price);
        return usd ? parseUsd(usd) : null;
      },
      cell: ({ price }) => (
        // on a phone a line of its own, which says nothing where there is no price
        <span className={price && of(price) ? undefined : "max-sm:hidden"}>
          <span className="text-ink-2 sm:hidden">{`${header} `}</span>
          <Money usd={(price && of(price)) ?? null} />
        </span>
      ),
    });
    return [
      {
        id: "model",
        header: t("model"),
        phone: "lead",
        sortBy: ({ id }) => id,
        cell: ({ id, displayName, aliases, price }) => (
          <>
            <span className="flex items-center gap-1">
              <Link
                href={`/models/${id}`}
                className="font-mono text-sm wrap-anywhere underline decoration-line-strong underline-offset-4 hover:decoration-current"
              >
                {id}
              </Link>
              <CopyButton
                text={id}
                label={`${ui("copy")} ${id}`}
                className="size-7 overflow-hidden px-1.5 text-[0px]"
              />
            </span>
            <span className="block text-sm font-normal text-ink-2">
              {[displayName !== id && displayName, aliases.length > 0 && t("alias", { names: aliases.join(", ") })]
                .filter(Boolean)
                .join(" · ")}
              {price &&
                UNIT_PRICES.filter((unit) => price[unit] !== undefined).map((unit) => (
                  <span key={unit} className="figures block text-ink">
                    {t(`unitPrices.${unit}`, { price: formatMoney(parseUsd(price[unit] ?? "0"), locale) })}
                  </span>
                ))}
              {price === null && <span className="block text-warning">{t("unpriced")}</span>}
            </span>
          </>
        ),
      },
      {
        id: "type",
        header: t("type"),
        phone: "none",
        sortBy: ({ type: value }) => value,
        cell: ({ type: value }) => typeName(value),
      },
      { id: "providers", header: t("providers"), phone: "none", cell: ({ providers }) => providers.join(", ") },
      {
        id: "context",
        header: t("context"),
        numeric: true,
        phone: "none",
        sortBy: ({ contextWindow }) => contextWindow,
        cell: ({ contextWindow }) => (contextWindow === null ? <None /> : format.number(contextWindow)),
      },
      rate("input", t("input"), "line", ({ input }) => input),
      rate("cached", t("cached"), "none", ({ cacheRead, input }) => cacheRead ?? input),
      rate("output", t("outputPrice"), "line", ({ output }) => output),
      ...(hasCalls
        ? [
            {
              id: "used",
              header: t("used"),
              numeric: true,
              phone: "none" as const,
              sortBy: ({ calls }: ListedModel) => calls ?? null,
              cell: ({ calls }: ListedModel) => (calls == null ? <None /> : format.number(calls)),
            },
          ]
        : []),
      ...(playgroundHref === null ? [] : [tryOut(playgroundHref)]),
    ];
    function tryOut(pathname: string): Column<ListedModel> {
      return {
        id: "try",
        header: <span className="sr-only">{t("try")}</span>,
        numeric: true,
        phone: "side",
        cell: ({ id, type: kind, price }) =>
          kind === "chat" &&
          price !== null && (
            <Link
              href={{ pathname, query: { model: id } }}
              aria-label={t("tryModel", { model: id })}
              className={buttonVariants({ size: "small" })}
            >
              {t("try")}
            </Link>
          ),
      };
    }
  }, [t, ui, typeName, format, locale, hasCalls, playgroundHref]);
  return (
    <>
      <div className="mb-4 flex flex-wrap gap-2">
        <Input
          type="search"
          aria-label={t("search")}
          placeholder={t("search")}
          value={search}
          onValueChange={setSearch}
          className="max-w-80 max-sm:max-w-none"
        />
        <Facet
          label={t("type")}
          any={t("anyType")}
          value={type}
          onChange={setType}
          values={models.map((one) => one.type)}
          nameOf={typeName}
        />
        <Facet
          label={t("providers")}
          any={t("anyProvider")}
          value={provider}
          onChange={setProvider}
          values={models.flatMap(({ providers }) => providers)}
        />
      </div>
      {shown.length === 0 ? (
        <EmptyState text={t("noMatch")} action={<Button onClick={clear}>{t("clear")}</Button>} />
      ) : (
        <DataTable caption={t("caption")} columns={columns} rows={shown} rowId={({ id }) => id} />
      )}
    </>
  );
}

function useTypeName() {
  const types = useTranslations("models.types");
  // safe because only a type with a name is asked for
  return useCallback((type: string) => (types.has(type as "chat") ? types(type as "chat") : type), [types]);
}

function None() {
  return <span className="text-ink-2">—</span>;
}

type FacetProps = {
  label: string;
  any: string;
  value: string;
  /** Of all rows; each is offered once. */
  values: readonly string[];
  /** What is shown for a value; by default the value. */
  nameOf?: (value: string) => string;
  onChange: (value: string) => void;
};

/** Nothing to choose, nothing shown. */
function Facet({ label, any, value, values, nameOf = (value) => value, onChange }: FacetProps) {
  const options = [...new Set(values)].sort().map((one) => ({ value: one, label: nameOf(one) }));
  if (options.length < 2) return null;
  const items = [{ value: ANY, label: any }, ...options];
  return (
    <SelectFrom items={items} value={value} onValueChange={onChange} aria-label={label} className="w-auto max-w-60" />
  );
}
