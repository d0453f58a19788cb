"use client";

import { useTranslations } from "next-intl";
import { useCallback, useState } from "react";
import { ActionForm } from "@/components/auth/action-form";
import { useSessionEnd } from "@/components/auth/session-end";
import { Dialog, DialogContent } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { signInAgainAction } from "@/lib/auth/actions";

/** Opens over whatever somebody is filling in once their session has ended, so that the draft stays. Only the same person
 *  continues here: another one's pages must not be mixed with these. */
export function SessionDialog({ email }: { email: string }) {
  const t = useTranslations("auth");
  const [isOpen, setOpen] = useState(false);
  useSessionEnd(useCallback(() => setOpen(true), []));
  return (
    <Dialog open={isOpen} onOpenChange={setOpen}>
      <DialogContent title={t("again.title")} description={t("again.text", { email })}>
        <ActionForm
          action={signInAgainAction}
          read={(fields) => ({ email, password: String(fields.get("password") ?? "") })}
          onDone={() => setOpen(false)}
          submit={t("signIn.submit")}
          more={
            <a
              href="/sign-in"
              target="_blank"
              rel="noopener"
              className="inline-flex min-h-6 items-center underline underline-offset-4 pointer-coarse:min-h-11"
            >
              {t("again.otherWay")}
            </a>
          }
        >
          {(errors) => (
            <Field name="password" label={t("password")} error={errors.password}>
              <Input type="password" autoComplete="current-password" required />
            </Field>
          )}
        </ActionForm>
      </DialogContent>
    </Dialog>
  );
}
