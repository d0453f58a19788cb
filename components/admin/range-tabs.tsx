import Link from "next/link";
import { useTranslations } from "next-intl";

const RANGES = ["today", "7d", "30d", "month"] as const;

/** The range is in the address; its zone stands beside it. */
export function RangeTabs({ current }: { current: (typeof RANGES)[number] }) {
  const t = useTranslations("admin.ranges");
  return (
    <nav aria-label={t("label")} className="flex flex-wrap items-center gap-x-4 gap-y-1">
      {RANGES.map((range) => (
        <Link
          key={range}
          href={`?range=${range}`}
          aria-current={range === current ? "true" : undefined}
          className="flex min-h-8 items-center border-b-2 border-transparent text-ink-2 hover:text-ink aria-[current=true]:border-ink aria-[current=true]:font-medium aria-[current=true]:text-ink pointer-coarse:min-h-11"
        >
          {t(range)}
        </Link>
      ))}
      <span className="text-sm text-ink-2">{t("zone")}</span>
    </nav>
  );
}
