"use client";

import { useLocale, useTranslations } from "next-intl";
import { ActionForm, goTo } from "@/components/auth/action-form";
import { LegalTexts, type LegalUrls } from "@/components/auth/legal-texts";
import { PasswordField } from "@/components/auth/password-field";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { signUpAction } from "@/lib/auth/actions";

export function SignUpForm({ next, legal }: { next?: string; legal: LegalUrls | false }) {
  const t = useTranslations("auth");
  const locale = useLocale();
  return (
    <ActionForm
      action={signUpAction}
      read={(fields) => ({
        name: String(fields.get("name") ?? ""),
        email: String(fields.get("email") ?? ""),
        password: String(fields.get("password") ?? ""),
        locale,
        next,
      })}
      onDone={goTo}
      submit={t("signUp.submit")}
    >
      {(errors) => (
        <>
          <Field name="name" label={t("name")} error={errors.name}>
            <Input autoComplete="name" required />
          </Field>
          <Field name="email" label={t("email")} error={errors.email}>
            <Input type="email" autoComplete="username" required />
          </Field>
          <PasswordField label={t("password")} error={errors.password} />
          {legal && <LegalTexts {...legal} />}
        </>
      )}
    </ActionForm>
  );
}
