"use client";

import { useTranslations } from "next-intl";
import { useState } from "react";
import { ActionForm, goTo, useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { useCountdown } from "@/components/auth/use-countdown";
import { Button } from "@/components/ui/button";
import { CodeField } from "@/components/ui/code-field";
import { requestOwnCodeAction, resendCodeAction, verifyAction } from "@/lib/auth/actions";
import { RESEND_SECONDS } from "@/lib/auth/schema";

type VerifyFormProps = {
  /** Comes from the mail's link, to be confirmed with one click: scanners that follow links must not use it up. */
  code?: string;
  isSignedIn: boolean;
  /** Until a new code may be asked for. */
  waitSeconds: number;
};

export function VerifyForm({ code, isSignedIn, waitSeconds }: VerifyFormProps) {
  const t = useTranslations("auth");
  const explain = useExplain();
  const [notice, setNotice] = useState<string>();
  const [round, setRound] = useState(0);
  const [secondsLeft, startCountdown] = useCountdown(waitSeconds);
  const resend = async () => {
    setNotice(undefined);
    const result = await settled(isSignedIn ? requestOwnCodeAction({}) : resendCodeAction({}));
    if (!result) return;
    setNotice(result.ok ? t("verify.resent") : explain.error(result.error));
    if (!result.ok) return;
    setRound(round + 1); // empty cells again
    startCountdown(RESEND_SECONDS);
  };
  return (
    <>
      <ActionForm
        key={round}
        action={verifyAction}
        read={(fields) => ({ code: String(fields.get("code") ?? "") })}
        onDone={goTo}
        submit={t("verify.submit")}
      >
        {(errors) => (
          <CodeField
            name="code"
            label={t("verify.code")}
            cellLabel={(n, of) => t("verify.cell", { n, of })}
            error={errors.code}
            defaultValue={round === 0 ? code : undefined}
          />
        )}
      </ActionForm>
      <div className="flex flex-wrap items-center gap-x-3 border-t pt-4">
        <Button variant="quiet" className="-ml-3.5" disabled={secondsLeft > 0} focusableWhenDisabled onClick={resend}>
          {t("verify.resend")}
        </Button>
        {secondsLeft > 0 && (
          <span className="figures text-sm text-ink-2">{t("verify.wait", { seconds: secondsLeft })}</span>
        )}
        <p role="status" className="w-full empty:hidden">
          {notice}
        </p>
      </div>
    </>
  );
}
