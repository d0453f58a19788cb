"use client";

import { CircleCheck, TriangleAlert } from "lucide-react";
import Link from "next/link";
import { useFormatter, useTranslations } from "next-intl";
import { useEffect, useState } from "react";
import { Badge } from "@/components/ui/badge";

/** Beyond this age the state is unknown, so never green. */
const STALE_MS = 5 * 60_000;
const TICK_MS = 10_000;

type BooksBadgeProps = {
  books: { violations: number; checkedAt: string } | null;
  /** The server's clock when the page was made. */
  now: number;
};

/** Whether the ledger's invariants hold, on every page of the operator. It ages on a page that stays open. */
export function BooksBadge({ books, now: madeAt }: BooksBadgeProps) {
  const t = useTranslations("admin.books");
  const format = useFormatter();
  const now = useServerClock(madeAt);
  const isStale = !books || now - Date.parse(books.checkedAt) > STALE_MS;
  const variant = isStale ? "warning" : books.violations > 0 ? "danger" : "positive";
  const text = isStale ? t("unknown") : books.violations > 0 ? t("broken", { count: books.violations }) : t("balance");
  const Icon = variant === "positive" ? CircleCheck : TriangleAlert;
  return (
    <Link href="/admin/ledger" className="mr-2 rounded-control pointer-coarse:py-3" title={books?.checkedAt}>
      <Badge variant={variant}>
        <Icon strokeWidth={1.5} aria-hidden />
        {text}
        {books && (
          <span className="font-normal text-ink-2 max-sm:sr-only">
            {t("checked", { age: format.relativeTime(new Date(books.checkedAt), now) })}
          </span>
        )}
      </Badge>
    </Link>
  );
}

/** The server's time as it goes on; this browser's clock may be another one. */
function useServerClock(madeAt: number): number {
  const [now, setNow] = useState(madeAt);
  useEffect(() => {
    const startedAt = performance.now();
    setNow(madeAt);
    const timer = setInterval(() => setNow(madeAt + performance.now() - startedAt), TICK_MS);
    return () => clearInterval(timer);
  }, [madeAt]);
  return now;
}
