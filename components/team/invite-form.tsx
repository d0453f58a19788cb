"use client";

import { useLocale, useTranslations } from "next-intl";
import { useState } from "react";
import { ActionForm } from "@/components/auth/action-form";
import { RoleSelect } from "@/components/team/role-select";
import { Field } from "@/components/ui/field";
import { Textarea } from "@/components/ui/textarea";
import { inviteAction } from "@/lib/orgs/actions";
import type { OrgRole } from "@/lib/orgs/permissions";

export function InviteForm({ slug, roles }: { slug: string; roles: readonly OrgRole[] }) {
  const t = useTranslations("team");
  const locale = useLocale();
  const [role, setRole] = useState<OrgRole>("developer");
  const [notice, setNotice] = useState<string>();
  const [round, setRound] = useState(0);
  return (
    <>
      <ActionForm
        key={round}
        action={(input: Parameters<typeof inviteAction>[1]) => inviteAction(slug, input)}
        read={(fields) => ({
          emails: String(fields.get("emails") ?? "")
            .split(/[\s,;]+/)
            .filter(Boolean),
          role,
          locale,
        })}
        onDone={({ invited }) => {
          setNotice(t("sent", { count: invited }));
          setRound(round + 1); // an empty form for the next
        }}
        submit={t("send")}
      >
        {(errors) => (
          <>
            <Field name="emails" label={t("emails")} help={t("emailsHelp")} error={errors.emails}>
              <Textarea rows={3} />
            </Field>
            <Field name="role" label={t("role")} error={errors.role}>
              <RoleSelect value={role} onChange={setRole} roles={roles} />
            </Field>
          </>
        )}
      </ActionForm>
      <p role="status" className="mt-3 empty:hidden">
        {notice}
      </p>
    </>
  );
}
