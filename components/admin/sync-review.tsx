"use client";

import { useTranslations } from "next-intl";
import { type FormEvent, useState } from "react";
import { ConfirmDialog } from "@/components/admin/confirm-dialog";
import { Moment } from "@/components/admin/moment";
import { SyncRows } from "@/components/admin/sync-rows";
import { useAction } from "@/components/admin/use-action";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { applySyncAction, undoSyncAction } from "@/lib/catalog/admin-actions";
import type { SyncDetail } from "@/lib/catalog/import-schema";

const GROUPS = ["changed", "suspicious", "removed", "new"] as const;
const DEFAULT_MARGIN = "20";

/** The rows of a comparison, ticked by a person, applied, and undone. */
export function SyncReview({ sync, canManage }: { sync: SyncDetail; canManage: boolean }) {
  const t = useTranslations("admin.catalogue");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(
    new Set(sync.rows.filter(({ isPreselected }) => isPreselected).map(({ key }) => key)),
  );
  const [margin, setMargin] = useState(DEFAULT_MARGIN);
  const { run, isPending, problem, fieldProblem } = useAction(applySyncAction);
  const isOpen = canManage && sync.state === "ready";
  const picked = sync.rows.filter(({ key }) => chosen.has(key));
  const addsModels = picked.some(({ effect }) => effect === "add");

  function choose(keys: readonly string[], isChosen: boolean) {
    const next = new Set(chosen);
    for (const key of keys) {
      if (isChosen) next.add(key);
      else next.delete(key);
    }
    setChosen(next);
  }

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const [at, reason] = [String(data.get("effectiveFrom") ?? ""), String(data.get("reason") ?? "").trim()];
    await run({
      id: sync.id,
      apply: {
        rows: picked.map(({ key }) => key),
        ...(addsModels && { marginPercent: margin.trim() }),
        ...(at && { effectiveFrom: `${at}:00Z` }),
        ...(reason && { reason }),
      },
    });
  }

  return (
    <form onSubmit={submit} noValidate>
      {sync.state !== "ready" && <Outcome sync={sync} canManage={canManage} />}
      {sync.rows.length === 0 && <EmptyState text={t("same")} />}
      {GROUPS.map((group) => {
        const rows = sync.rows.filter((row) => row.group === group);
        if (rows.length === 0) return null;
        return (
          <Block
            key={group}
            id={group}
            title={t("groupOf", { group: t(`groups.${group}`), count: rows.length })}
            text={t(`groupTexts.${group}`)}
            className="first:mt-0"
          >
            <SyncRows
              caption={t(`groups.${group}`)}
              rows={rows}
              chosen={chosen}
              onChoose={isOpen ? choose : null}
              applied={sync.result?.applied ?? null}
            />
          </Block>
        );
      })}
      {isOpen && sync.rows.length > 0 && (
        <div className="sticky bottom-0 z-10 -mx-4 mt-6 flex flex-wrap items-end gap-x-4 gap-y-3 border-t border-line-strong bg-paper px-4 py-3 max-md:static">
          {addsModels && (
            <Field
              name="marginPercent"
              label={t("margin")}
              error={fieldProblem("apply.marginPercent") ?? fieldProblem("marginPercent")}
              className="w-36"
            >
              <Input inputMode="decimal" value={margin} onValueChange={setMargin} className="figures text-right" />
            </Field>
          )}
          <Field
            name="effectiveFrom"
            label={t("effectiveFrom")}
            error={fieldProblem("apply.effectiveFrom") ?? fieldProblem("effectiveFrom")}
            className="w-60"
          >
            <Input type="datetime-local" className="figures" />
          </Field>
          <Field name="reason" label={t("reason")} error={fieldProblem("apply.reason")} className="min-w-44 grow">
            <Input autoComplete="off" maxLength={500} />
          </Field>
          <FormActions>
            <Button type="submit" variant="primary" disabled={isPending || picked.length === 0}>
              {t("apply", { count: picked.length })}
            </Button>
          </FormActions>
          <FormError message={problem ?? fieldProblem("apply.rows")} className="basis-full" />
        </div>
      )}
    </form>
  );
}

/** What became of it, and the way back. */
function Outcome({ sync, canManage }: { sync: SyncDetail; canManage: boolean }) {
  const t = useTranslations("admin.catalogue");
  const undo = useAction(undoSyncAction);
  const { state, result, undoResult, appliedAt, undoneAt, effectiveFrom } = sync;
  return (
    <div
      role="status"
      className="mb-8 flex flex-col items-start gap-2 border-l-2 border-positive bg-positive/6 px-3 py-2"
    >
      <p>
        {t("applied", { count: result?.applied.length ?? 0, skipped: result?.skipped.length ?? 0 })}{" "}
        <Moment at={appliedAt} />
      </p>
      {effectiveFrom && (
        <p>
          {t("holdsFrom")} <Moment at={effectiveFrom} />
        </p>
      )}
      {state === "undone" && (
        <p>
          {t("undone", { count: undoResult?.applied.length ?? 0, skipped: undoResult?.skipped.length ?? 0 })}{" "}
          <Moment at={undoneAt} />
        </p>
      )}
      {canManage && state === "applied" && (
        <ConfirmDialog
          trigger={t("undo")}
          title={t("undoTitle")}
          text={t("undoText")}
          confirm={t("undo")}
          problem={undo.problem}
          isPending={undo.isPending}
          onConfirm={async () => Boolean(await undo.run({ id: sync.id }))}
        />
      )}
    </div>
  );
}
