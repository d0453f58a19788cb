"use client";

import { RotateCcw } from "lucide-react";
import Link from "next/link";
import { useLocale, useTranslations } from "next-intl";
import type { ReactNode } from "react";
import type { AnswerTurn } from "@/components/playground/conversation";
import { FailureCard } from "@/components/playground/failure-card";
import { Markdown } from "@/components/playground/markdown";
import { Button } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { formatExactUsd, formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type AnswerProps = {
  answer: AnswerTurn;
  /** Where receipts are: the request id follows. */
  receiptsHref: string;
  addCreditsHref: string | null;
  otherModel: string | null;
  /** Only for the last answer, while nothing runs. */
  onRegenerate: (() => void) | null;
  onSwitch: (() => void) | null;
};

/** What a model answered, what stands behind it, and what it cost. */
export function Answer({ answer, receiptsHref, addCreditsHref, otherModel, onRegenerate, onSwitch }: AnswerProps) {
  const t = useTranslations("playground");
  const charge = useChargeText(answer);
  const isOver = answer.state !== "waiting" && answer.state !== "streaming";
  return (
    <TurnFrame label={answer.servedModel ?? answer.model} isModel>
      <div aria-busy={!isOver} className="flex min-w-0 flex-col gap-3">
        {answer.reasoning && (
          <details className="text-ink-2" open={answer.state === "streaming" && answer.text === ""}>
            <summary className="cursor-default text-sm">{t("reasoning")}</summary>
            <p className="mt-2 border-l-2 pl-4 whitespace-pre-wrap">{answer.reasoning}</p>
          </details>
        )}
        {answer.text && <Markdown text={answer.text} isStreaming={!isOver} />}
        {answer.state === "waiting" && <p className="text-ink-2">{t("waiting")}</p>}
        {answer.state === "done" && answer.text === "" && <p className="text-ink-2">{t("noText")}</p>}
        {answer.state === "done" && <EndNote reason={answer.finishReason} />}
        {answer.state === "stopped" && (
          <p className="text-sm text-ink-2">
            {charge ?? (answer.awaitsCharge ? t("stopped.pending") : t("stopped.unknown"))}
          </p>
        )}
        {answer.failure && (
          <FailureCard
            failure={answer.failure}
            charge={charge}
            requestId={answer.requestId}
            addCreditsHref={addCreditsHref}
            otherModel={otherModel}
            onRetry={onRegenerate}
            onSwitch={onSwitch}
          />
        )}
        {isOver && answer.state !== "failed" && (
          <div className="-ml-2.5 flex flex-wrap gap-1">
            {answer.text && <CopyButton text={answer.text} label={t("copyAnswer")} />}
            {onRegenerate && (
              <Button variant="quiet" size="small" onClick={onRegenerate}>
                <RotateCcw strokeWidth={1.5} aria-hidden />
                {t("regenerate")}
              </Button>
            )}
          </div>
        )}
        {isOver && (answer.usage || answer.firstTokenMs !== null) && (
          <Facts answer={answer} receiptsHref={receiptsHref} />
        )}
      </div>
    </TurnFrame>
  );
}

export function UserMessage({ text }: { text: string }) {
  const t = useTranslations("playground");
  return (
    <TurnFrame label={t("you")}>
      <p className="text-lg whitespace-pre-wrap wrap-anywhere">{text}</p>
    </TurnFrame>
  );
}

/** Who speaks stands in the margin, as in a ledger; on a phone above. */
function TurnFrame({ label, isModel = false, children }: { label: string; isModel?: boolean; children: ReactNode }) {
  return (
    <article aria-label={label} className="grid gap-x-6 gap-y-2 border-b py-5 md:grid-cols-[9rem_minmax(0,1fr)]">
      <p className={isModel ? "font-mono text-xs leading-6 text-ink-2 wrap-anywhere" : "text-sm leading-6 text-ink-2"}>
        {label}
      </p>
      <div className="min-w-0 max-w-[76ch]">{children}</div>
    </article>
  );
}

function EndNote({ reason }: { reason: string | null }) {
  const t = useTranslations("playground");
  if (reason === "length") return <p className="text-sm text-ink-2">{t("ended.length")}</p>;
  if (reason === "insufficient_credits") return <p className="text-sm text-warning">{t("ended.credit")}</p>;
  if (reason === "content_filter") return <p className="text-sm text-warning">{t("ended.filter")}</p>;
  return null;
}

/** One line of figures, the charge at its end. */
function Facts({ answer, receiptsHref }: Pick<AnswerProps, "answer" | "receiptsHref">) {
  const t = useTranslations("playground");
  const locale = useLocale();
  const count = new Intl.NumberFormat(locale);
  const { provider, firstTokenMs, totalMs, usage, chargeUsd, requestId } = answer;
  const amount = chargeUsd ? formatMoney(parseUsd(chargeUsd), locale) : null;
  const facts = [
    { label: t("facts.provider"), value: provider },
    { label: t("facts.firstToken"), value: firstTokenMs === null ? null : duration(firstTokenMs, locale) },
    { label: t("facts.total"), value: totalMs === null ? null : duration(totalMs, locale) },
    { label: t("facts.input"), value: usage && count.format(usage.inputTokens) },
    { label: t("facts.output"), value: usage && count.format(usage.outputTokens) },
  ];
  return (
    <dl className="figures flex flex-wrap items-baseline gap-x-5 gap-y-1 border-t pt-2 font-mono text-xs text-ink-2">
      {facts.map(
        ({ label, value }) =>
          value !== null && (
            <div key={label} className="flex gap-1.5">
              <dt>{label}</dt>
              <dd className="text-ink">{value}</dd>
            </div>
          ),
      )}
      <div className="flex gap-1.5 sm:ml-auto">
        <dt>{t("facts.charged")}</dt>
        <dd
          className="font-medium text-ink"
          title={
            chargeUsd
              ? formatExactUsd(parseUsd(chargeUsd), locale)
              : chargeUsd === null
                ? t("facts.unpriced")
                : undefined
          }
          data-charge-usd={chargeUsd ?? ""}
        >
          {amount && requestId ? (
            <Link
              href={receiptsHref + requestId}
              prefetch={false}
              aria-label={t("facts.receipt", { amount })}
              className="underline decoration-line-strong underline-offset-4 hover:decoration-ink"
            >
              {amount}
            </Link>
          ) : (
            (amount ?? "—")
          )}
        </dd>
      </div>
    </dl>
  );
}

/** "You were charged $0.0008 for 214 tokens." for what ended early; null while only the ledger knows. */
function useChargeText({ state, chargeUsd, usage, failure }: AnswerTurn): string | null {
  const t = useTranslations("playground");
  const locale = useLocale();
  const amountNano = failure?.charged === false ? 0n : chargeUsd ? parseUsd(chargeUsd) : null;
  if (amountNano === null) return null;
  const said = {
    amount: formatMoney(amountNano, locale),
    tokens: (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0),
  };
  if (amountNano === 0n) return state === "stopped" ? t("stopped.free") : t("ended.free");
  return state === "stopped" ? t("stopped.charged", said) : t("ended.charged", said);
}

function duration(durationMs: number, locale: string): string {
  const isShort = durationMs < 1_000;
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: isShort ? "millisecond" : "second",
    unitDisplay: "narrow",
    maximumFractionDigits: isShort ? 0 : 1,
  }).format(isShort ? durationMs : durationMs / 1_000);
}
