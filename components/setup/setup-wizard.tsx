"use client";

import { useLocale, useTranslations } from "next-intl";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { settled, useExplain } from "@/components/auth/action-form";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { setUpAction } from "@/lib/auth/actions";
import { setupInput } from "@/lib/auth/schema";
import type { Locale } from "@/lib/locale";

/** The fields of each step: what Continue checks, and where an error of the server leads back to. */
const STEPS = [
  { id: "owner", fields: ["name", "email", "password"] },
  { id: "mode", fields: ["mode", "starterCreditUsd"] },
  { id: "organisation", fields: ["instanceName", "orgName", "timeZone"] },
  { id: "provider", fields: ["provider", "token"] },
] as const;
type Errors = Record<string, string>;

type SetupWizardProps = { token: string; instanceName: string; starterCreditUsd: string; hasStripe: boolean };

/** All steps are one form, so that Back keeps every value, and nothing is stored before the last one. */
export function SetupWizard({ token, instanceName, starterCreditUsd, hasStripe }: SetupWizardProps) {
  const t = useTranslations("setup");
  const tAuth = useTranslations("auth");
  const locale = useLocale();
  const explain = useExplain();
  const form = useRef<HTMLFormElement>(null);
  const zone = useRef<HTMLInputElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const [step, setStep] = useState(0);
  const [mode, setMode] = useState("service");
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    // the server does not know the browser's zone
    if (zone.current) zone.current.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }, []);
  const show = (index: number) => {
    setStep(index);
    requestAnimationFrame(() => heading.current?.focus());
  };
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy || !form.current) return;
    const values = valuesOf(form.current, token, locale);
    const own: readonly string[] = STEPS[step]?.fields ?? [];
    const issues = setupInput.safeParse(values).error?.issues ?? [];
    const found: Errors = {};
    for (const { path, message } of issues) {
      const name = String(path[0]);
      if (own.includes(name)) found[name] ??= explain.field(name, message);
    }
    setErrors(found);
    setProblem(undefined);
    if (Object.keys(found).length > 0) return;
    if (step < STEPS.length - 1) return show(step + 1);
    setBusy(true);
    const result = await settled(setUpAction(values));
    if (!result || result.ok) return; // on the way to the next page
    setBusy(false);
    const fields = Object.entries(result.error.fields ?? {}).map(([name, message]) => [
      name,
      explain.field(name, message),
    ]);
    setErrors(Object.fromEntries(fields));
    const target = STEPS.findIndex(({ fields: names }) => fields.some(([name]) => names.some((own) => own === name)));
    if (target >= 0) show(target);
    setProblem(
      fields.find(([name]) => name === "token")?.[1] ?? (fields.length === 0 ? explain.error(result.error) : undefined),
    );
  };
  const current = STEPS[step]?.id ?? "owner";
  return (
    <Form method="post" ref={form} onSubmit={onSubmit} aria-busy={isBusy}>
      <div>
        <p className="text-sm text-ink-2">{t("step", { n: step + 1, of: STEPS.length })}</p>
        <h2 ref={heading} tabIndex={-1} className="tight text-xl font-semibold outline-none">
          {t(current)}
        </h2>
      </div>
      <Step isShown={current === "owner"}>
        <Field name="name" label={tAuth("name")} error={errors.name}>
          <Input autoComplete="name" />
        </Field>
        <Field name="email" label={tAuth("email")} error={errors.email}>
          <Input type="email" autoComplete="username" />
        </Field>
        <Field name="password" label={tAuth("password")} help={tAuth("passwordHelp")} error={errors.password}>
          <Input type="password" autoComplete="new-password" />
        </Field>
      </Step>
      <Step isShown={current === "mode"}>
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
        <div hidden={mode !== "service"} className="flex flex-col gap-5">
          <Field name="starterCreditUsd" label={t("starter")} help={t("starterHelp")} error={errors.starterCreditUsd}>
            <Input inputMode="decimal" className="figures max-w-[12ch]" defaultValue={starterCreditUsd} />
          </Field>
          <p className="text-sm text-ink-2">{t(hasStripe ? "stripeFound" : "stripeMissing")}</p>
        </div>
      </Step>
      <Step isShown={current === "organisation"}>
        <Field name="instanceName" label={t("instanceName")} error={errors.instanceName}>
          <Input defaultValue={instanceName} />
        </Field>
        <Field name="orgName" label={t("orgName")} error={errors.orgName}>
          <Input autoComplete="organization" />
        </Field>
        <Field name="timeZone" label={t("timeZone")} error={errors.timeZone}>
          <Input ref={zone} defaultValue="UTC" />
        </Field>
      </Step>
      <Step isShown={current === "provider"}>
        <Choices
          legend={t("provider")}
          name="provider"
          options={[
            { value: "sandbox", label: t("sandbox"), text: t("sandboxText") },
            { value: "later", label: t("later"), text: t("laterText") },
          ]}
        />
      </Step>
      <FormError message={problem} />
      <FormActions>
        <Button type="submit" variant="primary" disabled={isBusy} focusableWhenDisabled>
          {t(step === STEPS.length - 1 ? "finish" : "continue")}
        </Button>
        {step > 0 && (
          <Button variant="quiet" onClick={() => show(step - 1)}>
            {t("back")}
          </Button>
        )}
      </FormActions>
    </Form>
  );
}

/** Hidden steps stay in the form with their values, out of reach of keyboard and screen reader. */
function Step({ isShown, children }: { isShown: boolean; children: ReactNode }) {
  return (
    <div hidden={!isShown} className={isShown ? "flex flex-col gap-5" : undefined}>
      {children}
    </div>
  );
}

type ChoicesProps = {
  legend: string;
  name: string;
  value?: string;
  onChange?: (value: string) => void;
  options: readonly { value: string; label: string; text: string }[];
};

function Choices({ legend, name, value, onChange, options }: ChoicesProps) {
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="sr-only">{legend}</legend>
      {options.map((option, index) => (
        <label
          key={option.value}
          className="flex cursor-pointer items-start gap-3 rounded-control border border-line-strong p-4 has-checked:border-accent has-focus-visible:outline-2 has-focus-visible:outline-offset-2"
        >
          <input
            type="radio"
            name={name}
            value={option.value}
            defaultChecked={value === undefined ? index === 0 : value === option.value}
            onChange={(event) => onChange?.(event.target.value)}
            className="mt-1 accent-accent"
          />
          <span className="min-w-0">
            <span className="block font-medium">{option.label}</span>
            <span className="block text-sm text-ink-2">{option.text}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function valuesOf(form: HTMLFormElement, token: string, locale: Locale) {
  const fields = new FormData(form);
  const text = (name: string) => String(fields.get(name) ?? "");
  return {
    token,
    name: text("name"),
    email: text("email"),
    password: text("password"),
    locale,
    mode: text("mode") === "enterprise" ? ("enterprise" as const) : ("service" as const),
    starterCreditUsd: text("starterCreditUsd"),
    instanceName: text("instanceName"),
    orgName: text("orgName"),
    timeZone: text("timeZone"),
    provider: text("provider") === "later" ? ("later" as const) : ("sandbox" as const),
  };
}
