"use client";

import { useTranslations } from "next-intl";
import type { FormEvent } from "react";
import { useAction } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { useToast } from "@/components/ui/toast";
import { updateSettingsAction } from "@/lib/settings/admin-actions";
import type { Settings } from "@/lib/settings/schema";

/** How often the worker compares by itself, and with what. */
export function SyncSchedule({ catalogueDays, catalogueUrls }: Pick<Settings, "catalogueDays" | "catalogueUrls">) {
  const t = useTranslations("admin.catalogue");
  const toast = useToast();
  const { run, isPending, problem, fieldProblem } = useAction(updateSettingsAction);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    const saved = await run({
      catalogueDays: Number(text("catalogueDays") || Number.NaN),
      catalogueUrls: text("catalogueUrls").split(/\s+/).filter(Boolean),
    });
    if (saved) toast.add({ title: t("savedSchedule") });
  }

  return (
    <Form onSubmit={submit}>
      <FormError message={problem} />
      <Field name="catalogueDays" label={t("every")} help={t("everyHelp")} error={fieldProblem("catalogueDays")}>
        <Input
          inputMode="numeric"
          autoComplete="off"
          defaultValue={catalogueDays}
          className="figures w-40 text-right max-sm:w-full"
        />
      </Field>
      <Field
        name="catalogueUrls"
        label={t("addresses")}
        help={t("addressesHelp")}
        error={fieldProblem("catalogueUrls") ?? fieldProblem("catalogueUrls.0")}
      >
        <Input autoComplete="off" spellCheck={false} defaultValue={catalogueUrls.join(" ")} />
      </Field>
      <FormActions>
        <Button type="submit" disabled={isPending}>
          {t("saveSchedule")}
        </Button>
      </FormActions>
    </Form>
  );
}
