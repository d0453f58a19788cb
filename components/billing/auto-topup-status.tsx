"use client";

import { useRouter } from "next/navigation";
import { useLocale, useTranslations } from "next-intl";
import { useEffect } from "react";
import { useMoment } from "@/components/ui/use-moment";
import { watchAutoTopup } from "@/lib/billing/actions";
import type { AutoTopup } from "@/lib/billing/schema";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type AutoTopupStatusProps = { orgSlug: string; auto: AutoTopup | null };

const LOOK_MS = 1_000;
const PATIENCE_MS = 15_000;

/** Whether a card is charged by itself, and what has been. Watches for a while whether a card was saved. */
export function AutoTopupStatus({ orgSlug, auto }: AutoTopupStatusProps) {
  const t = useTranslations("billing.auto");
  const locale = useLocale();
  const router = useRouter();
  const writeMoment = useMoment();
  const isSaving = auto?.state === "saving";

  useEffect(() => {
    if (!isSaving) return;
    const startedAt = performance.now();
    let hasLeft = false;
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      const result = await watchAutoTopup(orgSlug, {}).catch(() => undefined);
      if (hasLeft) return;
      if (result?.ok && result.data?.state !== "saving") return router.refresh();
      if (performance.now() - startedAt < PATIENCE_MS) timer = setTimeout(look, LOOK_MS);
    };
    timer = setTimeout(look, 0);
    return () => {
      hasLeft = true;
      clearTimeout(timer);
    };
  }, [isSaving, orgSlug, router]);

  const money = (usd: string) => formatMoney(parseUsd(usd), locale);
  const state = auto?.state ?? "off";
  return (
    <div className="mb-5 max-w-[60ch]">
      <p role="status" className="font-medium wrap-anywhere">
        {state === "disabled" && auto?.reason
          ? t(`disabled.${auto.reason}`)
          : t(`states.${state === "disabled" ? "off" : state}`, { card: auto?.card ?? "" })}
      </p>
      {auto && state === "on" && auto.nextAttemptAt && (
        <p className="mt-1 text-warning">{t("waits", { time: writeMoment(auto.nextAttemptAt, "minute") })}</p>
      )}
      {auto && (state === "on" || state === "paused") && (
        <p className="figures mt-1 text-sm text-ink-2">
          {t("charged", {
            ...{ today: money(auto.todayUsd), daily: money(auto.dailyCapUsd) },
            ...{ month: money(auto.thisMonthUsd), monthly: money(auto.monthlyCapUsd) },
          })}
        </p>
      )}
    </div>
  );
}
