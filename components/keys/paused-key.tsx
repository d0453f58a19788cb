import { useLocale, useTranslations } from "next-intl";
import { useMoment } from "@/components/ui/use-moment";
import type { OrgChange } from "@/lib/audit/queries";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

/** Why the hub paused a key, and what to do. */
export function PausedKey({ changes }: { changes: readonly OrgChange[] }) {
  const t = useTranslations("keys");
  const writeMoment = useMoment();
  const locale = useLocale();
  const pause = changes.find(({ action }) => action === "key.pause");
  const money = (usd: unknown) => formatMoney(parseUsd(typeof usd === "string" ? usd : "0"), locale);
  const { spentUsd, usualUsd } = { ...(pause?.after as { spentUsd?: unknown; usualUsd?: unknown } | null) };
  return (
    <p className="mb-6 border-l-2 border-danger bg-danger/6 px-3 py-2" role="note">
      {pause &&
        t("pausedBecause", {
          date: writeMoment(pause.at, "minute"),
          spent: money(spentUsd),
          usual: money(usualUsd),
        })}{" "}
      {t("pausedAdvice")}
    </p>
  );
}
