"use client";

import { useTranslations } from "next-intl";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Select, SelectContent, SelectItem, SelectTrigger, SelectValue } from "@/components/ui/select";
import { Textarea } from "@/components/ui/textarea";

const PERIODS = ["day", "week", "month", "total"] as const;

/** `errors` by field name, as the action answers them. */
export function KeyFields({ name, errors }: { name: string; errors: Readonly<Record<string, string>> }) {
  const t = useTranslations("keys");
  const periods = PERIODS.map((value) => ({ value, label: t(`periodOptions.${value}`) }));
  const errorOf = (field: string) => {
    const found = Object.entries(errors).find(([path]) => path === field || path.startsWith(`${field}.`));
    return found && (field === "name" ? found[1] : `${t("badValue")} ${found[1]}`);
  };
  return (
    <>
      <Field name="name" label={t("name")} help={t("nameHelp")} error={errorOf("name")}>
        <Input name="name" defaultValue={name} maxLength={200} autoComplete="off" required />
      </Field>
      <fieldset className="flex flex-col gap-5 border-t pt-5">
        <legend className="sr-only">{t("limitsTitle")}</legend>
        <p aria-hidden className="-mb-2 text-ink-2">
          {t("limitsHelp")}
        </p>
        <div className="grid gap-5 sm:grid-cols-2">
          <Field name="budgetUsd" label={t("budget")} help={t("budgetHelp")} error={errorOf("budgetUsd")}>
            <Input name="budgetUsd" inputMode="decimal" autoComplete="off" className="figures text-right" />
          </Field>
          <Field name="budgetPeriod" label={t("period")} help={t("periodHelp")} error={errorOf("budgetPeriod")}>
            <Select name="budgetPeriod" items={periods} defaultValue="month">
              <SelectTrigger>
                <SelectValue />
              </SelectTrigger>
              <SelectContent>
                {periods.map(({ value, label }) => (
                  <SelectItem key={value} value={value}>
                    {label}
                  </SelectItem>
                ))}
              </SelectContent>
            </Select>
          </Field>
        </div>
        <div className="grid gap-5 sm:grid-cols-3">
          <Field name="rpm" label={t("rpmLabel")} error={errorOf("rpm")}>
            <Input name="rpm" inputMode="numeric" autoComplete="off" className="figures text-right" />
          </Field>
          <Field name="tpm" label={t("tpmLabel")} error={errorOf("tpm")}>
            <Input name="tpm" inputMode="numeric" autoComplete="off" className="figures text-right" />
          </Field>
          <Field name="maxConcurrency" label={t("concurrencyLabel")} error={errorOf("maxConcurrency")}>
            <Input name="maxConcurrency" inputMode="numeric" autoComplete="off" className="figures text-right" />
          </Field>
        </div>
        <Field name="allowedModels" label={t("modelsLabel")} help={t("modelsHelp")} error={errorOf("allowedModels")}>
          <Textarea name="allowedModels" rows={2} className="min-h-16 font-mono text-sm" spellCheck={false} />
        </Field>
        <Field name="expiresAt" label={t("expiresLabel")} help={t("expiresHelp")} error={errorOf("expiresAt")}>
          <Input name="expiresAt" type="date" className="figures sm:w-48" />
        </Field>
      </fieldset>
    </>
  );
}
