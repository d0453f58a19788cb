"use client";

import { useTranslations } from "next-intl";
import { AllowedModelsField } from "@/components/models/allowed-models";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { SelectFrom } from "@/components/ui/select";
import { Textarea } from "@/components/ui/textarea";
import type { KeyRow } from "@/lib/keys/schema";
import type { ListedModel } from "@/lib/model-patterns";

const PERIODS = ["day", "week", "month", "total"] as const;

type KeyFieldsProps = {
  /** What stands in the fields to begin with. */
  values: Partial<KeyRow>;
  /** By field name, as the action answers them. */
  errors: Readonly<Record<string, string>>;
  /** Names that the app field offers. */
  apps: readonly string[];
  /** The models that the organisation may call; empty: not known here. */
  models: readonly ListedModel[];
  /** From where this person's browser reaches the hub; null: not known. */
  address: string | null;
};

/** Name and app first; limits and access behind a line that opens by itself where one of them is set or refused. */
export function KeyFields({ values, errors, apps, models, address }: KeyFieldsProps) {
  const t = useTranslations("keys");
  const periods = PERIODS.map((value) => ({ value, label: t(`periodOptions.${value}`) }));
  const errorOf = (field: string) => {
    const found = Object.entries(errors).find(([path]) => path === field || path.startsWith(`${field}.`));
    return found && (field === "name" ? found[1] : `${t("badValue")} ${found[1]}`);
  };
  const isOpen = hasLimits(values) || Object.keys(errors).some((field) => field !== "name" && field !== "app");
  const number = (name: "rpm" | "tpm" | "maxConcurrency", label: string) => (
    <Field name={name} label={label} error={errorOf(name)}>
      <Input
        name={name}
        defaultValue={values[name] ?? ""}
        inputMode="numeric"
        autoComplete="off"
        className="figures text-right"
      />
    </Field>
  );
  return (
    <>
      <Field name="name" label={t("name")} help={t("nameHelp")} error={errorOf("name")}>
        <Input name="name" defaultValue={values.name ?? ""} maxLength={200} autoComplete="off" required />
      </Field>
      <Field name="app" label={t("app")} help={t("appHelp")} error={errorOf("app")}>
        <Input name="app" defaultValue={values.app ?? ""} maxLength={200} autoComplete="off" list="apps-of-keys" />
      </Field>
      <datalist id="apps-of-keys">
        {apps.map((app) => (
          <option key={app} value={app} />
        ))}
      </datalist>
      <details open={isOpen} className="group border-t pt-4">
        <summary className="min-h-6 cursor-pointer font-medium pointer-coarse:min-h-11">{t("limitsTitle")}</summary>
        <div className="flex flex-col gap-5 pt-4">
          <p className="-mb-2 text-ink-2">{t("limitsHelp")}</p>
          <div className="grid gap-5 sm:grid-cols-2">
            <Field name="budgetUsd" label={t("budget")} help={t("budgetHelp")} error={errorOf("budgetUsd")}>
              <Input
                name="budgetUsd"
                defaultValue={values.budgetUsd ?? ""}
                inputMode="decimal"
                autoComplete="off"
                className="figures text-right"
              />
            </Field>
            <Field name="budgetPeriod" label={t("period")} help={t("periodHelp")} error={errorOf("budgetPeriod")}>
              <SelectFrom name="budgetPeriod" items={periods} defaultValue={values.budgetPeriod ?? "month"} />
            </Field>
          </div>
          <Field name="dailyCapUsd" label={t("dailyCap")} help={t("dailyCapHelp")} error={errorOf("dailyCapUsd")}>
            <Input
              name="dailyCapUsd"
              defaultValue={values.dailyCapUsd ?? ""}
              inputMode="decimal"
              autoComplete="off"
              className="figures text-right sm:w-48"
            />
          </Field>
          <div className="grid gap-5 sm:grid-cols-3">
            {number("rpm", t("rpmLabel"))}
            {number("tpm", t("tpmLabel"))}
            {number("maxConcurrency", t("concurrencyLabel"))}
          </div>
          <AllowedModelsField
            label={t("modelsLabel")}
            values={values.allowedModels ?? []}
            models={models}
            error={errorOf("allowedModels")}
          />
          <Field
            name="allowedIps"
            label={t("addressesLabel")}
            help={`${t("addressesHelp")}${address ? ` ${t("yourAddress", { address })}` : ""}`}
            error={errorOf("allowedIps")}
          >
            <Textarea
              name="allowedIps"
              defaultValue={values.allowedIps?.join("\n") ?? ""}
              rows={2}
              className="min-h-16 font-mono text-sm"
              spellCheck={false}
            />
          </Field>
          <Field name="expiresAt" label={t("expiresLabel")} help={t("expiresHelp")} error={errorOf("expiresAt")}>
            <Input
              name="expiresAt"
              type="date"
              defaultValue={values.expiresAt?.slice(0, 10) ?? ""}
              className="figures sm:w-48"
            />
          </Field>
          <Field name="note" label={t("note")} help={t("noteHelp")} error={errorOf("note")}>
            <Textarea name="note" defaultValue={values.note ?? ""} rows={2} className="min-h-16" maxLength={500} />
          </Field>
        </div>
      </details>
    </>
  );
}

function hasLimits({
  budgetUsd,
  rpm,
  tpm,
  maxConcurrency,
  allowedModels,
  allowedIps,
  expiresAt,
  note,
}: Partial<KeyRow>) {
  return (
    [budgetUsd, rpm, tpm, maxConcurrency, expiresAt].some((value) => value !== null && value !== undefined) ||
    [allowedModels, allowedIps, note].some((value) => value && value.length > 0)
  );
}
