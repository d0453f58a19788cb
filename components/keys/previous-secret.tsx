"use client";

import { useNow, useTranslations } from "next-intl";
import { useMoment } from "@/components/ui/use-moment";

type PreviousSecretProps = { prefix: string; previous: { last4: string; expiresAt: string }; usedAt: string | null };

/** While both secrets of a rotated key open: which one ends when, and whether anybody uses it still. */
export function PreviousSecret({ prefix, previous, usedAt }: PreviousSecretProps) {
  const t = useTranslations("keys");
  const writeMoment = useMoment();
  const now = useNow({ updateInterval: 60_000 });
  const time = (at: string) => writeMoment(at, "minute");
  const isOver = Date.parse(previous.expiresAt) <= now.getTime();
  const secret = `${prefix}…${previous.last4}`;
  return (
    <p className="mb-6 border-l-2 border-warning bg-warning/6 px-3 py-2" role="note">
      {isOver
        ? t("previousOver", { secret, date: time(previous.expiresAt) })
        : t("previousAlive", { secret, date: time(previous.expiresAt) })}{" "}
      {usedAt ? t("previousUsed", { date: time(usedAt) }) : t("previousNotUsed")}
    </p>
  );
}
