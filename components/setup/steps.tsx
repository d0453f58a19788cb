"use client";

import { useLocale, useTranslations } from "next-intl";
import { useEffect, useRef, useState } from "react";
import { PasswordField } from "@/components/auth/password-field";
import { Choices } from "@/components/setup/choices";
import { useChooseLocale } from "@/components/shell/language-menu";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Select, SelectContent, SelectItem, SelectTrigger, SelectValue } from "@/components/ui/select";
import { TimeZoneInput } from "@/components/ui/time-zone-input";
import { LOCALE_NAMES, LOCALES, type Locale } from "@/lib/locale";

export type Errors = Readonly<Record<string, string>>;

export function OwnerStep({ errors }: { errors: Errors }) {
  const t = useTranslations("setup");
  const tAuth = useTranslations("auth");
  const locale = useLocale();
  const choose = useChooseLocale();
  return (
    <>
      <Field name="language" label={t("language")}>
        <Select
          value={locale}
          // safe because the items are Locales
          onValueChange={(value) => choose(value as Locale)}
          items={LOCALES.map((value) => ({ value, label: LOCALE_NAMES[value] }))}
        >
          <SelectTrigger>
            <SelectValue />
          </SelectTrigger>
          <SelectContent>
            {LOCALES.map((value) => (
              <SelectItem key={value} value={value}>
                <span lang={value}>{LOCALE_NAMES[value]}</span>
              </SelectItem>
            ))}
          </SelectContent>
        </Select>
      </Field>
      <Field name="name" label={tAuth("name")} error={errors.name}>
        <Input autoComplete="name" />
      </Field>
      <Field name="email" label={tAuth("email")} error={errors.email}>
        <Input type="email" autoComplete="username" />
      </Field>
      <PasswordField label={tAuth("password")} error={errors.password} />
    </>
  );
}

type ModeStepProps = { errors: Errors; starterCreditUsd: string; payments: "stripe" | "simulated" | "none" };

export function ModeStep({ errors, starterCreditUsd, payments }: ModeStepProps) {
  const t = useTranslations("setup");
  const [mode, setMode] = useState("service");
  return (
    <>
      <Choices
        legend={t("mode")}
        name="mode"
        value={mode}
        onChange={setMode}
        options={[
          { value: "service", label: t("service"), text: t("serviceText") },
          { value: "enterprise", label: t("enterprise"), text: t("enterpriseText") },
        ]}
      />
      <div hidden={mode !== "service"} className={mode === "service" ? "flex flex-col gap-5" : undefined}>
        <Field name="starterCreditUsd" label={t("starter")} help={t("starterHelp")} error={errors.starterCreditUsd}>
          <Input inputMode="decimal" className="figures max-w-[12ch]" defaultValue={starterCreditUsd} />
        </Field>
        <p className="border-l-2 border-line-strong pl-3 text-sm text-ink-2">{t(`payments.${payments}`)}</p>
      </div>
    </>
  );
}

export function OrganisationStep({ errors, instanceName }: { errors: Errors; instanceName: string }) {
  const t = useTranslations("setup");
  const zone = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // the server does not know the browser's zone
    if (zone.current) zone.current.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }, []);
  return (
    <>
      <Field name="instanceName" label={t("instanceName")} help={t("instanceNameHelp")} error={errors.instanceName}>
        <Input defaultValue={instanceName} />
      </Field>
      <Field name="orgName" label={t("orgName")} help={t("orgNameHelp")} error={errors.orgName}>
        <Input autoComplete="organization" />
      </Field>
      <Field name="timeZone" label={t("timeZone")} help={t("timeZoneHelp")} error={errors.timeZone}>
        <TimeZoneInput ref={zone} defaultValue="UTC" />
      </Field>
    </>
  );
}
