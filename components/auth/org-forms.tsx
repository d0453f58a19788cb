"use client";

import { useTranslations } from "next-intl";
import { ActionForm, goTo } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { joinOrgAction, newOrgAction, signOutAction } from "@/lib/auth/actions";

export function NewOrgForm({ suggestion }: { suggestion: string }) {
  const t = useTranslations("auth");
  return (
    <ActionForm
      action={newOrgAction}
      read={(fields) => ({ name: String(fields.get("name") ?? "") })}
      onDone={goTo}
      submit={t("newOrg.submit")}
    >
      {(errors) => (
        <Field name="name" label={t("name")} error={errors.name}>
          <Input defaultValue={suggestion} required />
        </Field>
      )}
    </ActionForm>
  );
}

export function JoinForm({ token, org }: { token: string; org: string }) {
  const t = useTranslations("auth");
  return (
    <ActionForm action={joinOrgAction} read={() => ({ token })} onDone={goTo} submit={t("invite.submit", { org })} />
  );
}

/** Signs out and goes to `to`, a path of ours; without one, to the sign-in page. */
export function SignOutButton({ label, to }: { label: string; to?: string }) {
  return <Button onClick={() => void settled(signOutAction({ next: to }))}>{label}</Button>;
}
