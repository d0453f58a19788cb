"use client";

import { useTranslations } from "next-intl";
import { type FormEvent, useState } from "react";
import { Usd } from "@/components/admin/usd";
import { useActionDialog } from "@/components/admin/use-action";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { SelectFrom } from "@/components/ui/select";
import { useToast } from "@/components/ui/toast";
import { recordProviderBillAction } from "@/lib/usage/admin-actions";
import type { ProviderBillRow } from "@/lib/usage/schema";

/** What providers bill by day, beside what the calls were counted at. */
export function ProviderBillTable({ rows }: { rows: readonly ProviderBillRow[] }) {
  const t = useTranslations("admin.ledger.bills");
  const columns: Column<ProviderBillRow>[] = [
    { id: "day", header: t("day"), phone: "lead", cell: ({ day }) => day },
    {
      id: "credential",
      header: t("credential"),
      phone: "line",
      cell: ({ provider, credential, credentialId }) => (provider ? `${provider} · ${credential}` : credentialId),
    },
    {
      id: "billed",
      header: t("billed"),
      numeric: true,
      phone: "line",
      cell: ({ billedUsd }) => <Usd amount={billedUsd} />,
    },
    {
      id: "counted",
      header: t("counted"),
      numeric: true,
      phone: "line",
      cell: ({ countedUsd, unpriced }) => (
        <>
          <Usd amount={countedUsd} />
          {unpriced > 0 && <span className="block text-sm text-ink-2">{t("unpriced", { count: unpriced })}</span>}
        </>
      ),
    },
    {
      id: "difference",
      header: t("difference"),
      numeric: true,
      phone: "side",
      cell: ({ differenceUsd, isConspicuous }) =>
        isConspicuous ? (
          <Badge variant="warning">
            <Usd amount={differenceUsd} />
          </Badge>
        ) : (
          <Usd amount={differenceUsd} />
        ),
    },
  ];
  return (
    <DataTable
      caption={t("title")}
      columns={columns}
      rows={rows}
      rowId={({ credentialId, day }) => `${credentialId} ${day}`}
    />
  );
}

/** Takes one day of one credential, as its provider bills it. */
export function ProviderBillDialog({ credentials }: { credentials: readonly { id: string; name: string }[] }) {
  const t = useTranslations("admin.ledger.bills");
  const toast = useToast();
  const [credentialId, setCredential] = useState(credentials[0]?.id ?? "");
  const { isOpen, onOpenChange, close, run, isPending, problem, fieldProblem } =
    useActionDialog(recordProviderBillAction);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    if (!(await run({ credentialId, day: text("day"), billedUsd: text("billedUsd") }))) return;
    close();
    toast.add({ title: t("saved") });
  }

  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogTrigger render={<Button size="small" />}>{t("open")}</DialogTrigger>
      <DialogContent title={t("open")} description={t("openText")}>
        <Form onSubmit={submit}>
          <FormError message={problem} />
          <Field name="credentialId" label={t("credential")} error={fieldProblem("credentialId")}>
            <SelectFrom
              value={credentialId}
              onValueChange={setCredential}
              items={credentials.map(({ id, name }) => ({ value: id, label: name }))}
            />
          </Field>
          <Field name="day" label={t("day")} help={t("dayHelp")} error={fieldProblem("day")}>
            <Input type="date" />
          </Field>
          <Field name="billedUsd" label={t("billedUsd")} error={fieldProblem("billedUsd")}>
            <Input inputMode="decimal" autoComplete="off" className="figures text-right" />
          </Field>
          <DialogActions>
            <Button type="submit" variant="primary" disabled={isPending}>
              {t("compare")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
