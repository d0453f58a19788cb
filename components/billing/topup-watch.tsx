"use client";

import Link from "next/link";
import { useRouter } from "next/navigation";
import { useLocale, useTranslations } from "next-intl";
import { useEffect, useState } from "react";
import { buttonVariants } from "@/components/ui/button";
import { watchTopup } from "@/lib/billing/actions";
import type { TopupRow } from "@/lib/billing/schema";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type Watched = TopupRow & { availableUsd: string | null };
type TopupWatchProps = { orgSlug: string; initial: Watched };

const FIRST_MS = 700;
const LATER_MS = 4_000;
const PATIENCE_MS = 15_000;
const isOver = ({ state }: Watched) => state === "paid" || state === "refunded" || state === "failed";

/** Watches a purchase until it is credited or has failed, then says so by itself. */
export function TopupWatch({ orgSlug, initial }: TopupWatchProps) {
  const t = useTranslations("billing.return");
  const locale = useLocale();
  const router = useRouter();
  const [topup, setTopup] = useState(initial);
  const [isLong, setLong] = useState(false);
  const over = isOver(topup);

  // One that was credited while the page was made: its frame may have read the balance before, its stream counts from after.
  const cameOver = isOver(initial);
  useEffect(() => {
    if (cameOver) router.refresh();
  }, [cameOver, router]);

  useEffect(() => {
    if (over) return;
    const startedAt = performance.now();
    let timer: ReturnType<typeof setTimeout>;
    let hasLeft = false;
    const look = async () => {
      const result = await watchTopup(orgSlug, { id: initial.id }).catch(() => undefined);
      if (hasLeft) return;
      if (result?.ok) {
        setTopup(result.data);
        // the balance in the frame is another part of the page
        if (isOver(result.data)) return router.refresh();
      }
      const waitedMs = performance.now() - startedAt;
      setLong(waitedMs > PATIENCE_MS);
      timer = setTimeout(look, waitedMs > PATIENCE_MS ? LATER_MS : FIRST_MS);
    };
    timer = setTimeout(look, FIRST_MS);
    return () => {
      hasLeft = true;
      clearTimeout(timer);
    };
  }, [over, orgSlug, initial.id, router]);

  const money = (usd: string, rounding?: "toward-zero") => formatMoney(parseUsd(usd), locale, rounding);
  const amount = money(topup.creditUsd);
  const balance = topup.availableUsd === null ? "" : money(topup.availableUsd, "toward-zero");
  const isPending = topup.state === "processing" || topup.state === "needs_action" || isLong;
  return (
    <div className="border-y py-10">
      <div role="status" aria-live="polite" className="max-w-[60ch]">
        {topup.state === "paid" || topup.state === "refunded" ? (
          <p className="figures tight text-2xl font-medium break-keep wrap-anywhere">
            {t("added", { amount, balance })}
          </p>
        ) : topup.state === "failed" ? (
          <p className="text-lg">{t("failed")}</p>
        ) : (
          <p className="text-lg">{isPending ? t("pending") : t("adding", { amount })}</p>
        )}
      </div>
      <p className="mt-6 flex flex-wrap gap-2">
        <Link className={buttonVariants({ variant: over ? "primary" : "outline" })} href={`/${orgSlug}/billing`}>
          {topup.state === "failed" ? t("again") : t("toBilling")}
        </Link>
        {topup.state === "paid" && (
          <Link className={buttonVariants({ variant: "outline" })} href={`/${orgSlug}/playground`}>
            {t("toPlayground")}
          </Link>
        )}
      </p>
    </div>
  );
}
