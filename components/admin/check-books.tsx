"use client";

import { useFormatter, useNow, useTranslations } from "next-intl";
import { useAction } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { FormError } from "@/components/ui/form";
import { checkBooksAction } from "@/lib/billing/admin-actions";

/** The age of the last check, and a new one on demand. */
export function CheckBooks({ checkedAt }: { checkedAt: string }) {
  const t = useTranslations("admin.ledger");
  const format = useFormatter();
  const now = useNow({ updateInterval: 10_000 });
  const { run, isPending, problem } = useAction<undefined, { violations: number }>(checkBooksAction);
  return (
    <span className="flex flex-wrap items-center gap-3 text-sm text-ink-2">
      <FormError message={problem} />
      <time dateTime={checkedAt} title={checkedAt} suppressHydrationWarning>
        {t("checked", { age: format.relativeTime(new Date(checkedAt), now) })}
      </time>
      <Button size="small" disabled={isPending} onClick={() => run(undefined)}>
        {t("checkNow")}
      </Button>
    </span>
  );
}
