"use client";

import { useLocale, useTranslations } from "next-intl";
import { useState } from "react";
import { ActionForm, goTo } from "@/components/auth/action-form";
import { PasswordField } from "@/components/auth/password-field";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { redeemLinkAction, requestResetAction, resetAction } from "@/lib/auth/actions";

export function ForgotForm() {
  const t = useTranslations("auth");
  const locale = useLocale();
  const [isSent, setSent] = useState(false);
  if (isSent) return <p role="status">{t("forgot.sent")}</p>;
  return (
    <ActionForm
      action={requestResetAction}
      read={(fields) => ({ email: String(fields.get("email") ?? ""), locale })}
      onDone={() => setSent(true)}
      submit={t("forgot.submit")}
    >
      {(errors) => (
        <Field name="email" label={t("email")} error={errors.email}>
          <Input type="email" autoComplete="username" required />
        </Field>
      )}
    </ActionForm>
  );
}

export function ResetForm({ token }: { token: string }) {
  const t = useTranslations("auth");
  return (
    <ActionForm
      action={resetAction}
      read={(fields) => ({ token, password: String(fields.get("password") ?? "") })}
      onDone={goTo}
      submit={t("forgot.save")}
    >
      {(errors) => <PasswordField label={t("newPassword")} error={errors.password} />}
    </ActionForm>
  );
}

/** A click of a person: mail scanners follow links, and must not use this one up. */
export function MagicLinkForm({ token, next }: { token: string; next?: string }) {
  const t = useTranslations("auth");
  return (
    <ActionForm action={redeemLinkAction} read={() => ({ token, next })} onDone={goTo} submit={t("magic.submit")} />
  );
}
