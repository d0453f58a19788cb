"use client";

import { useTranslations } from "next-intl";
import { useState } from "react";
import { ActionForm, goTo, useExplain } from "@/components/auth/action-form";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { requestOwnCodeAction, resendCodeAction, verifyAction } from "@/lib/auth/actions";

/** `code` comes from the mail's link, to be confirmed with one click: scanners that follow links must not use it up. */
export function VerifyForm({ code, isSignedIn }: { code?: string; isSignedIn: boolean }) {
  const t = useTranslations("auth");
  const explain = useExplain();
  const [notice, setNotice] = useState<string>();
  const resend = async () => {
    setNotice(undefined);
    const result = await (isSignedIn ? requestOwnCodeAction({}) : resendCodeAction({}));
    setNotice(result.ok ? t("verify.resent") : explain.error(result.error));
  };
  return (
    <>
      <ActionForm
        action={verifyAction}
        read={(fields) => ({ code: String(fields.get("code") ?? "").replace(/\D/g, "") })}
        onDone={goTo}
        submit={t("verify.submit")}
        more={
          <Button variant="quiet" onClick={resend}>
            {t("verify.resend")}
          </Button>
        }
      >
        {(errors) => (
          <Field name="code" label={t("verify.code")} error={errors.code}>
            <Input
              className="figures max-w-[12ch] text-lg tracking-[0.2em]"
              inputMode="numeric"
              autoComplete="one-time-code"
              maxLength={11}
              defaultValue={code}
              required
            />
          </Field>
        )}
      </ActionForm>
      <p role="status" className="empty:hidden">
        {notice}
      </p>
    </>
  );
}
