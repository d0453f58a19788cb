"use client";

import Link from "next/link";
import { useFormatter, useTranslations } from "next-intl";
import { useMemo, useState } from "react";
import { EmptyState } from "@/components/shell/empty-state";
import { Button, buttonVariants } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Input } from "@/components/ui/input";
import { Money } from "@/components/ui/money";
import type { OrgModel } from "@/lib/catalog/queries";
import { parseUsd } from "@/lib/money";

/** A model with the calls of the last 30 days; null where this person may not see sums. */
export type ListedModel = OrgModel & { calls: number | null };

type ModelTableProps = {
  models: readonly ListedModel[];
  /** Where a model can be tried; null for whom the playground is closed. */
  playgroundHref: string | null;
};

export function ModelTable({ models, playgroundHref }: ModelTableProps) {
  const t = useTranslations("models");
  const ui = useTranslations("ui");
  const format = useFormatter();
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const shown = models.filter(({ id, displayName, aliases, providers }) =>
    [id, displayName, ...aliases, ...providers].some((text) => text.toLowerCase().includes(wanted)),
  );
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
        <>
          <span className="text-ink-2 sm:hidden">{`${header} `}</span>
          <Money usd={(price && of(price)) ?? null} />
        </>
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
              <code className="font-mono text-sm wrap-anywhere">{id}</code>
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
              {price === null && <span className="block text-warning">{t("unpriced")}</span>}
            </span>
          </>
        ),
      },
      { id: "providers", header: t("providers"), phone: "none", cell: ({ providers }) => providers.join(", ") },
      {
        id: "context",
        header: t("context"),
        numeric: true,
        phone: "none",
        sortBy: ({ contextWindow }) => contextWindow,
        cell: ({ contextWindow }) => (contextWindow === null ? "—" : format.number(contextWindow)),
      },
      rate("input", t("input"), "line", ({ input }) => input),
      rate("cached", t("cached"), "none", ({ cacheRead, input }) => cacheRead ?? input),
      rate("output", t("outputPrice"), "line", ({ output }) => output),
      {
        id: "used",
        header: t("used"),
        numeric: true,
        phone: "none",
        sortBy: ({ calls }) => calls,
        cell: ({ calls }) => (calls === null ? "—" : format.number(calls)),
      },
      {
        id: "try",
        header: <span className="sr-only">{t("try")}</span>,
        numeric: true,
        phone: "side",
        cell: ({ id, type, price }) =>
          playgroundHref !== null &&
          type === "chat" &&
          price !== null && (
            <Link
              href={{ pathname: playgroundHref, query: { model: id } }}
              aria-label={t("tryModel", { model: id })}
              className={buttonVariants({ size: "small" })}
            >
              {t("try")}
            </Link>
          ),
      },
    ];
  }, [t, ui, format, playgroundHref]);
  return (
    <>
      <Input
        type="search"
        aria-label={t("search")}
        placeholder={t("search")}
        value={search}
        onValueChange={setSearch}
        className="mb-4 max-w-80"
      />
      {shown.length === 0 ? (
        <EmptyState text={t("noMatch")} action={<Button onClick={() => setSearch("")}>{t("clear")}</Button>} />
      ) : (
        <DataTable caption={t("caption")} columns={columns} rows={shown} rowId={({ id }) => id} />
      )}
    </>
  );
}
