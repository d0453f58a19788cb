"use client";

import { useLocale, useTranslations } from "next-intl";
import { type FormEvent, type ReactNode, useRef, useState } from "react";
import { secretOf } from "@/components/admin/secret-fields";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { ProviderStep, type SetupKind } from "@/components/setup/provider-step";
import { type Errors, ModeStep, OrganisationStep, OwnerStep } from "@/components/setup/steps";
import { Button } from "@/components/ui/button";
import { Form, FormActions, FormError } from "@/components/ui/form";
import type { ActionError } from "@/lib/auth/action";
import { finishSetUpAction, setUpAction } from "@/lib/auth/actions";
import { finishSetupInput, ownerInput } from "@/lib/auth/schema";
import type { Locale } from "@/lib/locale";

/** The fields of each step: what Continue checks, and where an error of the server leads back to. */
const STEPS = [
  { id: "owner", fields: ["name", "email", "password"] },
  { id: "mode", fields: ["mode", "starterCreditUsd"] },
  { id: "organisation", fields: ["instanceName", "orgName", "timeZone"] },
  {
    id: "provider",
    fields: [
      ...["provider", "token", "connection", "kind", "slug", "displayName", "baseUrl"],
      ...["region", "apiKey", "accessKeyId", "secretAccessKey", "sessionToken"],
    ],
  },
] as const;

type SetupWizardProps = {
  /** Null for an owner who is there already and signed in: the first step is theirs. */
  token: string | null;
  instanceName: string;
  starterCreditUsd: string;
  payments: "stripe" | "simulated" | "none";
  kinds: readonly SetupKind[];
};

/** All steps are one form, so that Back keeps every value, and nothing is stored before the last one. */
export function SetupWizard({ token, instanceName, starterCreditUsd, payments, kinds }: SetupWizardProps) {
  const t = useTranslations("setup");
  const locale = useLocale();
  const explain = useExplain();
  const form = useRef<HTMLFormElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const steps = token === null ? STEPS.slice(1) : STEPS;
  const [step, setStep] = useState(0);
  const [provider, setProvider] = useState("sandbox");
  const [errors, setErrors] = useState<Errors>({});
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const current = steps[step]?.id ?? "owner";
  const isLast = step === steps.length - 1;

  const show = (index: number) => {
    setProblem(undefined);
    setStep(index);
    requestAnimationFrame(() => heading.current?.focus());
  };
  const refuse = (error: ActionError) => {
    const found: Record<string, string> = {};
    for (const [path, message] of Object.entries(error.fields ?? {})) {
      const name = lastOf(path);
      // what a provider answered is told as it is
      found[name] = name === "connection" ? t("refused", { message }) : explain.field(name, message);
    }
    setErrors(found);
    const target = steps.findIndex(({ fields }) => fields.some((name) => name in found));
    if (target >= 0 && target !== step) show(target);
    setProblem(found.token ?? found.connection ?? (Object.keys(found).length === 0 ? explain.error(error) : undefined));
  };
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy || !form.current) return;
    const { owner, choices } = valuesOf(form.current, locale);
    const own: readonly string[] = steps[step]?.fields ?? [];
    const issues = [
      ...(ownerInput.safeParse(owner).error?.issues ?? []),
      ...(finishSetupInput.safeParse(choices).error?.issues ?? []),
    ];
    const found: Record<string, string> = {};
    for (const { path, message } of issues) {
      const name = String(path.at(-1));
      if (own.includes(name)) found[name] ??= explain.field(name, message);
    }
    setErrors(found);
    setProblem(undefined);
    if (Object.keys(found).length > 0) return focusFirst(form.current, Object.keys(found));
    if (!isLast) return show(step + 1);
    setBusy(true);
    const result = await settled(
      token === null ? finishSetUpAction(choices) : setUpAction({ token, owner, ...choices }),
    );
    if (!result || result.ok) return; // on the way to the next page
    setBusy(false);
    refuse(result.error);
  };
  const waiting = provider === "own" ? t("testing") : t("saving");
  return (
    <Form method="post" ref={form} onSubmit={onSubmit} aria-busy={isBusy}>
      <div>
        <p className="text-sm text-ink-2">{t("step", { n: step + 1, of: steps.length })}</p>
        <h2 ref={heading} tabIndex={-1} className="tight text-xl font-semibold outline-none">
          {t(current)}
        </h2>
      </div>
      {token !== null && (
        <Step isShown={current === "owner"}>
          <OwnerStep errors={errors} />
        </Step>
      )}
      <Step isShown={current === "mode"}>
        <ModeStep errors={errors} starterCreditUsd={starterCreditUsd} payments={payments} />
      </Step>
      <Step isShown={current === "organisation"}>
        <OrganisationStep errors={errors} instanceName={instanceName} />
      </Step>
      <Step isShown={current === "provider"}>
        <ProviderStep errors={errors} kinds={kinds} choice={provider} onChoice={setProvider} />
      </Step>
      <FormError message={problem} />
      <FormActions>
        <Button type="submit" variant="primary" disabled={isBusy} focusableWhenDisabled>
          {t(isLast ? (provider === "own" ? "testAndFinish" : "finish") : "continue")}
        </Button>
        {step > 0 && (
          <Button variant="quiet" disabled={isBusy} onClick={() => show(step - 1)}>
            {t("back")}
          </Button>
        )}
        <span role="status" className="text-sm text-ink-2 empty:hidden">
          {isBusy && waiting}
        </span>
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

function focusFirst(form: HTMLFormElement, names: readonly string[]): void {
  const control = names.map((name) => form.elements.namedItem(name)).find((found) => found instanceof HTMLElement);
  if (control instanceof HTMLElement) control.focus();
}

function lastOf(path: string): string {
  return path.split(".").at(-1) ?? path;
}

function valuesOf(form: HTMLFormElement, locale: Locale) {
  const fields = new FormData(form);
  const text = (name: string) => String(fields.get(name) ?? "");
  const given = (name: string) => text(name).trim() || undefined;
  const provider = text("provider");
  return {
    owner: { name: text("name"), email: text("email"), password: text("password") },
    choices: {
      locale,
      mode: text("mode") === "enterprise" ? ("enterprise" as const) : ("service" as const),
      starterCreditUsd: text("starterCreditUsd"),
      instanceName: text("instanceName"),
      orgName: text("orgName"),
      timeZone: text("timeZone"),
      provider: provider === "later" || provider === "own" ? (provider as "later" | "own") : ("sandbox" as const),
      ...(provider === "own" && {
        connection: {
          // safe because the schema judges it
          kind: text("kind") as "openai",
          displayName: text("displayName"),
          baseUrl: given("baseUrl"),
          ...secretOf(fields),
        },
      }),
    },
  };
}
