"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useFormatter, useTranslations } from "next-intl";
import { type FormEvent, useState, useTransition } from "react";
import { Usd } from "@/components/admin/usd";
import { useAction } from "@/components/admin/use-action";
import { EmptyState } from "@/components/shell/empty-state";
import { Badge } from "@/components/ui/badge";
import { Button, buttonVariants } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Field } from "@/components/ui/field";
import { FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { SelectFrom } from "@/components/ui/select";
import { importModelsAction } from "@/lib/catalog/admin-actions";
import { previewPrice } from "@/lib/catalog/format";
import type { UpstreamModel } from "@/lib/catalog/import-schema";

const DEFAULT_MARGIN = "20";
const VIEWS = ["open", "priced", "unknown", "all"] as const;
type ViewName = (typeof VIEWS)[number];
type TypedCost = { input: string; output: string };

/** What a provider offers, to be chosen from: limits and costs come from the catalogue, the price from one margin. */
export function OfferedModels({
  slug,
  rows,
  canManage,
}: {
  slug: string;
  rows: readonly UpstreamModel[];
  canManage: boolean;
}) {
  const t = useTranslations("admin.offered");
  const [search, setSearch] = useState("");
  const [view, setView] = useState<ViewName>("open");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [typed, setTyped] = useState<Readonly<Record<string, TypedCost>>>({});
  const [margin, setMargin] = useState(DEFAULT_MARGIN);
  const [saved, setSaved] = useState<readonly string[]>([]);
  const { run, isPending, problem, fieldProblem } = useAction(importModelsAction);

  const wanted = search.trim().toLowerCase();
  const shown = rows.filter(
    (row) => isIn(row, view) && [row.id, row.name ?? ""].some((text) => text.toLowerCase().includes(wanted)),
  );
  const open = shown.filter(({ model }) => model === null);
  const picked = rows.filter(({ id, model }) => model === null && chosen.has(id));
  const without = picked.filter((row) => !costOf(row, typed[row.id]));

  function toggle(ids: readonly string[], isChosen: boolean) {
    const next = new Set(chosen);
    for (const id of ids) {
      if (isChosen) next.add(id);
      else next.delete(id);
    }
    setChosen(next);
  }

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const models = picked.map((row) => {
      const own = row.figures?.cost ? null : writtenCost(typed[row.id]);
      return { upstreamModel: row.id, id: row.suggestedId, ...(own && { cost: own }) };
    });
    const done = await run({ slug, models: { marginPercent: margin.trim(), models } });
    if (!done) return;
    setSaved(done.data.map(({ id }) => id));
    setChosen(new Set());
  }

  const columns = useColumns({
    margin,
    typed,
    isChosen: (id) => chosen.has(id),
    onChoose: canManage ? (id, is) => toggle([id], is) : null,
    onType: (id, cost) => setTyped({ ...typed, [id]: cost }),
  });

  if (rows.length === 0) return <EmptyState text={t("none")} />;
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-4">
      {saved.length > 0 && (
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2 border-l-2 border-positive bg-positive/6 px-3 py-2">
          <p role="status">{t("saved", { count: saved.length })}</p>
          <Link href="/admin/models" className={buttonVariants({ size: "small" })}>
            {t("toModels")}
          </Link>
        </div>
      )}
      <div className="flex flex-wrap items-center gap-2">
        <Input
          value={search}
          onValueChange={setSearch}
          aria-label={t("search")}
          placeholder={t("search")}
          autoComplete="off"
          className="w-56 max-sm:grow"
        />
        <SelectFrom
          value={view}
          onValueChange={setView}
          items={VIEWS.map((one) => ({ value: one, label: t(`views.${one}`) }))}
          aria-label={t("show")}
          className="w-52 max-sm:grow"
        />
        <span className="text-sm text-ink-2">{t("shown", { shown: shown.length, all: rows.length })}</span>
        {canManage && open.length > 0 && (
          <Button
            size="small"
            className="sm:ml-auto"
            onClick={() =>
              toggle(
                open.map(({ id }) => id),
                !open.every(({ id }) => chosen.has(id)),
              )
            }
          >
            {open.every(({ id }) => chosen.has(id)) ? t("chooseNone") : t("chooseAll", { count: open.length })}
          </Button>
        )}
      </div>
      {shown.length === 0 ? (
        <EmptyState text={t("noMatch")} />
      ) : (
        <DataTable caption={t("title")} rows={shown} rowId={({ id }) => id} columns={columns} />
      )}
      {canManage && (
        <div className="sticky bottom-0 z-10 -mx-4 flex flex-wrap items-end gap-x-6 gap-y-3 border-t border-line-strong bg-paper px-4 py-3 max-md:bottom-14">
          <Field
            name="marginPercent"
            label={t("margin")}
            error={fieldProblem("models.marginPercent") ?? fieldProblem("marginPercent")}
            className="w-44"
          >
            <Input inputMode="decimal" value={margin} onValueChange={setMargin} className="figures text-right" />
          </Field>
          <FormActions>
            <Button type="submit" variant="primary" disabled={isPending || picked.length === 0}>
              {t("save", { count: picked.length })}
            </Button>
          </FormActions>
          {without.length > 0 && <p className="text-sm text-ink-2">{t("without", { count: without.length })}</p>}
          <FormError message={problem ?? fieldProblem("models.models")} className="basis-full" />
        </div>
      )}
    </form>
  );
}

/** Why the provider could not be asked, and another try. */
export function AskAgain({ slug, problem }: { slug: string; problem: string }) {
  const t = useTranslations("admin.offered");
  const router = useRouter();
  const [isBusy, startTransition] = useTransition();
  return (
    <div className="flex flex-col items-start gap-4">
      <FormError message={t.rich("failed", { problem, q: (words) => <q lang="en">{words}</q> })} />
      <div className="flex flex-wrap gap-2">
        <Button disabled={isBusy} onClick={() => startTransition(() => router.refresh())}>
          {t("again")}
        </Button>
        <Link href={`/admin/providers/${slug}`} className={buttonVariants()}>
          {t("toProvider")}
        </Link>
      </div>
    </div>
  );
}

type TableState = {
  margin: string;
  typed: Readonly<Record<string, TypedCost>>;
  isChosen: (id: string) => boolean;
  /** null: whoever only looks. */
  onChoose: ((id: string, isChosen: boolean) => void) | null;
  onType: (id: string, cost: TypedCost) => void;
};

function useColumns({ margin, typed, isChosen, onChoose, onType }: TableState): Column<UpstreamModel>[] {
  const t = useTranslations("admin.offered");
  const format = useFormatter();
  const isTyped = (row: UpstreamModel) =>
    onChoose !== null && row.model === null && !row.figures?.cost && isChosen(row.id);
  const typedCost = (row: UpstreamModel, rate: keyof TypedCost) => {
    const own = typed[row.id] ?? { input: "", output: "" };
    return (
      <span className="flex items-center justify-between gap-2 max-sm:py-1 sm:justify-end">
        <span aria-hidden className="sm:hidden">
          {t(rate === "input" ? "costIn" : "costOut")}
        </span>
        <Input
          inputMode="decimal"
          autoComplete="off"
          value={own[rate]}
          aria-label={t(rate === "input" ? "costInOf" : "costOutOf", { id: row.id })}
          onValueChange={(value) => onType(row.id, { ...own, [rate]: value })}
          className="figures h-8 w-24 text-right max-sm:w-32"
        />
      </span>
    );
  };
  const cost = (row: UpstreamModel, rate: keyof TypedCost) => <Usd amount={row.figures?.cost?.[rate]} />;
  const price = (row: UpstreamModel, rate: keyof TypedCost) => {
    const amount = costOf(row, typed[row.id])?.[rate];
    return <Usd amount={amount ? previewPrice(amount, margin) : null} />;
  };
  /** In columns of their own where there is room, in one line of the row on a phone. */
  const pair = (label: string, row: UpstreamModel, of: typeof cost) => (
    <>
      <span className="max-sm:hidden">{of(row, "input")}</span>
      <span className="sm:hidden">
        {label} {of(row, "input")} / {of(row, "output")}
      </span>
    </>
  );
  const second = (row: UpstreamModel, of: typeof cost) => <span className="max-sm:hidden">{of(row, "output")}</span>;
  return [
    {
      id: "model",
      header: t("model"),
      phone: "lead",
      sortBy: ({ id }) => id,
      cell: (row) => (
        <span className="flex items-start gap-3 py-1">
          {onChoose && (
            <Checkbox
              checked={row.model !== null || isChosen(row.id)}
              disabled={row.model !== null}
              onCheckedChange={(is) => onChoose(row.id, is)}
              aria-label={row.id}
              className="mt-0.5 pointer-coarse:size-6"
            />
          )}
          <span className="min-w-0">
            <span className="font-mono text-sm wrap-anywhere">{row.id}</span>
            {row.name && row.name !== row.id && (
              <span className="block text-sm font-normal text-ink-2">{row.name}</span>
            )}
          </span>
        </span>
      ),
    },
    {
      id: "context",
      header: t("context"),
      numeric: true,
      phone: "none",
      sortBy: ({ figures }) => figures?.contextWindow ?? null,
      cell: ({ figures }) =>
        figures?.contextWindow ? format.number(figures.contextWindow) : <span className="text-ink-2">—</span>,
    },
    {
      id: "costIn",
      header: t("costIn"),
      numeric: true,
      phone: "line",
      cell: (row) => (isTyped(row) ? typedCost(row, "input") : pair(t("cost"), row, cost)),
    },
    {
      id: "costOut",
      header: t("costOut"),
      numeric: true,
      phone: "line",
      cell: (row) => (isTyped(row) ? typedCost(row, "output") : second(row, cost)),
    },
    {
      id: "priceIn",
      header: t("priceIn"),
      numeric: true,
      phone: "line",
      cell: (row) => pair(t("price"), row, price),
    },
    { id: "priceOut", header: t("priceOut"), numeric: true, phone: "none", cell: (row) => price(row, "output") },
    { id: "status", header: t("status"), phone: "side", cell: (row) => <Known row={row} /> },
  ];
}

/** Served already, or how well its cost is known. */
function Known({ row: { model, figures } }: { row: UpstreamModel }) {
  const t = useTranslations("admin.offered");
  if (model !== null) {
    return (
      <Link href={`/admin/models/${model}`} className="underline decoration-line-strong underline-offset-4">
        {t("served")}
      </Link>
    );
  }
  if (!figures?.cost) return <Badge variant="warning">{t("unknown")}</Badge>;
  const source = figures.sources.cost;
  return (
    <span className="inline-flex flex-wrap items-center justify-end gap-x-2 sm:justify-start">
      {figures.disputed.length > 0 && <Badge variant="warning">{t("disputed")}</Badge>}
      <span className="text-sm text-ink-2" title={source?.note}>
        {source && t("source", { name: source.name, date: source.date })}
      </span>
    </span>
  );
}

function isIn({ model, figures }: UpstreamModel, view: ViewName): boolean {
  if (view === "all") return true;
  if (model !== null) return false;
  return view === "open" || (view === "priced") === Boolean(figures?.cost);
}

function costOf({ figures }: UpstreamModel, typed: TypedCost | undefined): Partial<TypedCost> | null {
  return figures?.cost ?? writtenCost(typed);
}

/** Absent is never 0: an empty field states nothing. */
function writtenCost(typed: TypedCost | undefined): Partial<TypedCost> | null {
  const [input, output] = [typed?.input.trim(), typed?.output.trim()];
  return input || output ? { ...(input && { input }), ...(output && { output }) } : null;
}
