"use client";

import { CircleCheck, CircleX, LoaderCircle } from "lucide-react";
import { useTranslations } from "next-intl";
import type { CredentialTest } from "@/lib/catalog/schema";

type Props = { isRunning: boolean; result: CredentialTest | null; problem: string | undefined };

/** What the worker found: how long the provider took, or its own words. */
export function CredentialTestResult({ isRunning, result, problem }: Props) {
  const t = useTranslations("admin.providers");
  return (
    <div role="status" className="flex min-h-6 items-start gap-2">
      {isRunning && (
        <>
          <LoaderCircle className="mt-0.5 size-4 shrink-0 text-ink-2" strokeWidth={1.5} aria-hidden />
          <span className="text-ink-2">{t("testing")}</span>
        </>
      )}
      {!isRunning && result?.ok && (
        <>
          <CircleCheck className="mt-0.5 size-4 shrink-0 text-positive" strokeWidth={1.5} aria-hidden />
          <span>{t("testPassed", { ms: result.latencyMs })}</span>
        </>
      )}
      {!isRunning && (problem || (result && !result.ok)) && (
        <>
          <CircleX className="mt-0.5 size-4 shrink-0 text-danger" strokeWidth={1.5} aria-hidden />
          <span className="min-w-0 wrap-anywhere text-danger">
            {t("testFailed")} {problem ?? <q lang="en">{result?.error}</q>}
          </span>
        </>
      )}
    </div>
  );
}
