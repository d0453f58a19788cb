"use client";

import { useTranslations } from "next-intl";
import { type FormEvent, useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Field } from "@/components/ui/field";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { updateBalanceAlert } from "@/lib/billing/actions";
import type { BalanceAlert } from "@/lib/billing/schema";

/** Below which balance who is mailed. Nobody chosen: everybody who manages billing. */
export function BalanceAlertForm({ orgSlug, alert }: { orgSlug: string; alert: BalanceAlert }) {
  const t = useTranslations("billing.alert");
  const explain = useExplain();
  const [isSaved, setSaved] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [busy, start] = useTransition();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const recipients = alert.members.map(({ userId }) => userId).filter((userId) => data.get(userId) === "on");
    const lowUsd = String(data.get("lowUsd") ?? "").trim();
    start(async () => {
      setProblem(undefined);
      const result = await settled(updateBalanceAlert(orgSlug, { lowUsd, recipients }));
      setSaved(result?.ok === true);
      if (result && !result.ok)
        setProblem(result.error.code === "invalid_request" ? t("refused") : explain.error(result.error));
    });
  };
  return (
    <Form onSubmit={submit} className="max-w-lg">
      <FormError message={problem} />
      <Field name="lowUsd" label={t("amount")} help={t("amountHelp")}>
        <Input inputMode="decimal" autoComplete="off" defaultValue={alert.lowUsd} className="figures max-w-40" />
      </Field>
      <fieldset className="min-w-0">
        <legend className="mb-1.5 text-sm font-medium">{t("recipients")}</legend>
        <p className="mb-2 text-sm text-ink-2">{t("recipientsHelp")}</p>
        <div className="flex flex-col gap-2">
          {alert.members.map(({ userId, name }) => (
            <div key={userId} className="flex items-center gap-2">
              {/* named in the server's HTML too: the label is joined to it in the browser only */}
              <Checkbox
                id={`alert-${userId}`}
                aria-labelledby={`alert-${userId}-name`}
                name={userId}
                defaultChecked={alert.recipients.includes(userId)}
              />
              <Label id={`alert-${userId}-name`} htmlFor={`alert-${userId}`} className="min-w-0 wrap-anywhere">
                {name}
              </Label>
            </div>
          ))}
        </div>
      </fieldset>
      <FormActions>
        <Button type="submit" disabled={busy}>
          {t("save")}
        </Button>
        <span role="status" className="self-center text-sm text-ink-2">
          {isSaved && t("saved")}
        </span>
      </FormActions>
    </Form>
  );
}
