"use client";

import { useTranslations } from "next-intl";
import { type FormEvent, type ReactNode, useState } from "react";
import { useAction } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Field } from "@/components/ui/field";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { SelectFrom } from "@/components/ui/select";
import { useToast } from "@/components/ui/toast";
import { updateSettingsAction } from "@/lib/settings/admin-actions";
import { type Settings, STARTER_PROOFS } from "@/lib/settings/schema";

const MODES = ["service", "enterprise"] as const;
const POLICIES = ["open", "invitation", "closed"] as const;

const STARTER = [
  { name: "starterCreditUsd", help: "starterCreditHelp" },
  { name: "starterExpiryDays", help: "starterExpiryHelp" },
  { name: "starterDailyUsd", help: "starterDailyHelp" },
  { name: "starterModelsUsd", help: "starterModelsHelp" },
] as const;
const REFUNDS = [
  { name: "refundWindowHours", help: "refundWindowHelp" },
  { name: "refundApprovalUsd", help: "refundApprovalHelp" },
] as const;
const LEGAL = ["termsUrl", "privacyUrl"] as const;
const KEYS = [{ name: "keyDailyCapUsd", help: "keyDailyCapHelp" }] as const;

type SettingsFormProps = {
  settings: Settings;
  canManage: boolean;
  /** What of the starter credit is gone today. */
  starter: ReactNode;
};

export function SettingsForm({ settings, canManage, starter }: SettingsFormProps) {
  const t = useTranslations("admin.settings");
  const toast = useToast();
  const [mode, setMode] = useState(settings.mode);
  const [policy, setPolicy] = useState(settings.signUpPolicy);
  const [proof, setProof] = useState(settings.starterCreditProof);
  const { run, isPending, problem, fieldProblem } = useAction(updateSettingsAction);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    const saved = await run({
      instanceName: text("instanceName"),
      mode,
      signUpPolicy: policy,
      signUpDomains: text("signUpDomains")
        .split(/[\s,]+/)
        .filter(Boolean),
      ...(mode === "service"
        ? {
            starterCreditUsd: text("starterCreditUsd"),
            starterCreditProof: proof,
            starterExpiryDays: Number(text("starterExpiryDays") || Number.NaN),
            starterDailyUsd: text("starterDailyUsd"),
            starterModelsUsd: text("starterModelsUsd"),
            refundWindowHours: Number(text("refundWindowHours") || Number.NaN),
            refundApprovalUsd: text("refundApprovalUsd"),
            keyDailyCapUsd: text("keyDailyCapUsd"),
            termsUrl: text("termsUrl"),
            privacyUrl: text("privacyUrl"),
          }
        : { publicPages: data.get("publicPages") === "on" }),
    });
    if (saved) toast.add({ title: t("saved") });
  }

  const amount = ({ name, help }: (typeof STARTER | typeof REFUNDS | typeof KEYS)[number]) => (
    <Field key={name} name={name} label={t(name)} help={t(help)} error={fieldProblem(name)}>
      <Input
        inputMode="decimal"
        autoComplete="off"
        defaultValue={settings[name]}
        disabled={!canManage}
        className="figures w-40 text-right max-sm:w-full"
      />
    </Field>
  );
  return (
    <Form onSubmit={submit} className="gap-10">
      <FormError message={problem} />
      <Part title={t("parts.hub")}>
        <Field name="instanceName" label={t("instanceName")} error={fieldProblem("instanceName")}>
          <Input autoComplete="off" defaultValue={settings.instanceName} disabled={!canManage} />
        </Field>
        <Field
          name="mode"
          label={t("mode")}
          help={mode === settings.mode ? t(`modeHelp.${mode}`) : t(`modeSwitch.${mode}`)}
          error={fieldProblem("mode")}
        >
          <SelectFrom
            value={mode}
            disabled={!canManage}
            onValueChange={setMode}
            items={MODES.map((value) => ({ value, label: t(`modes.${value}`) }))}
          />
        </Field>
      </Part>
      <Part title={t("parts.signUp")}>
        <Field name="signUpPolicy" label={t("signUp")} error={fieldProblem("signUpPolicy")}>
          <SelectFrom
            value={policy}
            disabled={!canManage}
            onValueChange={setPolicy}
            items={POLICIES.map((value) => ({ value, label: t(`policies.${value}`) }))}
          />
        </Field>
        <Field
          name="signUpDomains"
          label={t("domains")}
          help={t("domainsHelp")}
          error={fieldProblem("signUpDomains.0")}
        >
          <Input
            autoComplete="off"
            spellCheck={false}
            defaultValue={settings.signUpDomains.join(", ")}
            disabled={!canManage}
          />
        </Field>
        {mode === "enterprise" && (
          <div className="flex items-start gap-2">
            <Checkbox
              id="publicPages"
              name="publicPages"
              defaultChecked={settings.publicPages}
              disabled={!canManage}
              aria-describedby="publicPages-help"
            />
            <div>
              <Label htmlFor="publicPages">{t("publicPages")}</Label>
              <p id="publicPages-help" className="text-sm text-ink-2">
                {t("publicPagesHelp")}
              </p>
            </div>
          </div>
        )}
      </Part>
      {mode === "service" && (
        <>
          <Part title={t("parts.starter")} text={starter}>
            <Field name="starterCreditProof" label={t("starterProof")} help={t("starterProofHelp")}>
              <SelectFrom
                value={proof}
                disabled={!canManage}
                onValueChange={setProof}
                items={STARTER_PROOFS.map((value) => ({ value, label: t(`starterProofs.${value}`) }))}
              />
            </Field>
            {STARTER.map(amount)}
          </Part>
          <Part title={t("parts.refunds")}>{REFUNDS.map(amount)}</Part>
          <Part title={t("parts.keys")}>{KEYS.map(amount)}</Part>
          <Part title={t("parts.legal")}>
            {LEGAL.map((name) => (
              <Field key={name} name={name} label={t(name)} help={t(`${name}Help`)} error={fieldProblem(name)}>
                <Input type="url" autoComplete="off" defaultValue={settings[name]} disabled={!canManage} />
              </Field>
            ))}
          </Part>
        </>
      )}
      {canManage && (
        <FormActions>
          <Button type="submit" variant="primary" disabled={isPending}>
            {t("save")}
          </Button>
        </FormActions>
      )}
    </Form>
  );
}

function Part({ title, text, children }: { title: string; text?: ReactNode; children: ReactNode }) {
  return (
    <fieldset className="flex min-w-0 flex-col gap-5">
      <legend className="mb-4 text-lg leading-6 font-semibold">{title}</legend>
      {text}
      {children}
    </fieldset>
  );
}
