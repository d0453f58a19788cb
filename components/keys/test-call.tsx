"use client";

import Link from "next/link";
import { useLocale, useTranslations } from "next-intl";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { FormError } from "@/components/ui/form";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type Result =
  | { kind: "answer"; id: string | null; text: string; cost: string; latencyMs: number }
  | { kind: "refused"; message: string };

/** One small call with the real key through the public API, exactly as the snippet would make it. It is charged. */
export function TestCall({ orgSlug, apiKey, model }: { orgSlug: string; apiKey: string; model: string }) {
  const t = useTranslations("keys");
  const [result, setResult] = useState<Result>();
  const [busy, setBusy] = useState(false);
  const locale = useLocale();
  const run = async () => {
    setBusy(true);
    setResult(undefined);
    setResult((await callOnce(apiKey, model)) ?? { kind: "refused", message: t("testUnreachable") });
    setBusy(false);
  };
  return (
    <div className="flex flex-col items-start gap-3">
      <Button onClick={run} disabled={busy}>
        {busy ? t("testing", { model }) : t("test")}
      </Button>
      <div role="status" className="w-full min-w-0">
        {result?.kind === "answer" && (
          <div className="border-l-2 border-positive bg-positive/6 px-3 py-2">
            <p className="wrap-anywhere">{result.text}</p>
            <p className="figures mt-1 text-sm text-ink-2">
              {t("testDone", {
                model,
                ms: result.latencyMs,
                cost: formatMoney(parseUsd(result.cost), locale),
              })}{" "}
              {result.id && (
                <Link
                  className="text-accent underline underline-offset-4"
                  href={`/${orgSlug}/activity/requests/${result.id}`}
                >
                  {t("receipt")}
                </Link>
              )}
            </p>
          </div>
        )}
      </div>
      {result?.kind === "refused" && <FormError message={t("testFailed", { message: result.message })} />}
    </div>
  );
}

type Answer = {
  id?: string;
  choices?: { message?: { content?: string } }[];
  usage?: { cost?: number };
  error?: { message?: string };
};

async function callOnce(apiKey: string, model: string): Promise<Result | null> {
  const started = performance.now();
  try {
    const response = await fetch("/api/v1/chat/completions", {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }], max_tokens: 64 }),
      // the person's session has no part in this
      credentials: "omit",
    });
    const body: Answer = await response.json();
    if (!response.ok) return { kind: "refused", message: body.error?.message ?? String(response.status) };
    return {
      kind: "answer",
      id: response.headers.get("x-request-id"),
      text: body.choices?.[0]?.message?.content ?? "",
      cost: new Intl.NumberFormat("en", { useGrouping: false, maximumFractionDigits: 9 }).format(body.usage?.cost ?? 0),
      latencyMs: Math.round(performance.now() - started),
    };
  } catch {
    return null;
  }
}
