"use client";

import { CircleAlert } from "lucide-react";
import Link from "next/link";
import { useTranslations } from "next-intl";
import { type ReactNode, useEffect, useState } from "react";
import type { ChatFailure } from "@/components/playground/chat-stream";
import { Button, buttonVariants } from "@/components/ui/button";

type FailureCardProps = {
  failure: ChatFailure;
  /** What the ledger says it cost, in words; null while or where that is not known. */
  charge: string | null;
  requestId: string | null;
  /** null: this member may not buy, or nobody has to. */
  addCreditsHref: string | null;
  /** Another model to go on with. */
  otherModel: string | null;
  onRetry: (() => void) | null;
  onSwitch: (() => void) | null;
};

/** Why there is no answer, what it cost, and what to do now. */
export function FailureCard(props: FailureCardProps) {
  const { failure, charge, requestId, addCreditsHref, otherModel, onRetry, onSwitch } = props;
  const t = useTranslations("playground.failure");
  const waitSeconds = useCountdown(failure.kind === "rate" ? (failure.retryAfterMs ?? 0) : 0);
  return (
    <div role="alert" className="flex flex-col items-start gap-3 border-l-2 border-danger pl-4">
      <div>
        <p className="flex items-center gap-2 font-medium">
          <CircleAlert className="size-4 shrink-0 text-danger" strokeWidth={1.5} aria-hidden />
          {t(`${failure.kind}.title`)}
        </p>
        <p className="mt-1 max-w-[68ch] text-ink-2">
          {t(`${failure.kind}.text`)} {failure.message && <q lang="en">{failure.message}</q>}
          {charge}
        </p>
        {failure.kind === "credit" && !addCreditsHref && <p className="mt-1 text-ink-2">{t("askBilling")}</p>}
        {requestId && (
          <p className="mt-1 text-xs text-ink-2">
            {t("reference")} <code className="font-mono select-all wrap-anywhere">{requestId}</code>
          </p>
        )}
      </div>
      <Actions>
        {failure.kind === "credit" && addCreditsHref && (
          <Link href={addCreditsHref} className={buttonVariants({ variant: "primary", size: "small" })}>
            {t("addCredits")}
          </Link>
        )}
        {failure.kind === "session" && (
          <Button size="small" onClick={() => location.reload()}>
            {t("reload")}
          </Button>
        )}
        {onRetry && failure.kind !== "session" && (
          <Button size="small" className="figures" disabled={waitSeconds > 0} onClick={onRetry}>
            {waitSeconds > 0 ? t("retryIn", { seconds: waitSeconds }) : t("retry")}
          </Button>
        )}
        {onSwitch && otherModel && failure.kind === "provider" && (
          <Button size="small" onClick={onSwitch}>
            {t("switch", { model: otherModel })}
          </Button>
        )}
      </Actions>
    </div>
  );
}

function Actions({ children }: { children: ReactNode }) {
  return <div className="flex flex-wrap gap-2 empty:hidden">{children}</div>;
}

/** Whole seconds left. */
function useCountdown(waitMs: number): number {
  const [left, setLeft] = useState(Math.ceil(waitMs / 1000));
  useEffect(() => {
    if (waitMs <= 0) return;
    const endsAt = performance.now() + waitMs;
    const timer = setInterval(() => {
      const seconds = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
      setLeft(seconds);
      if (seconds === 0) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [waitMs]);
  return left;
}
