"use client";

import { useTranslations } from "next-intl";

/** Why a candidate was passed over, or how an attempt failed. */
export function RouteReason({ reason }: { reason: string }) {
  const t = useTranslations("routing");
  if (reason.startsWith("untranslatable:"))
    return <>{t("reasons.untranslatable", { parameter: reason.slice("untranslatable:".length) })}</>;
  // message keys know no colons
  const word = reason.replaceAll(":", "_");
  // safe because `has` has found it
  return <>{t.has(`reasons.${word}` as never) ? t(`reasons.${word}` as never) : t("reasons.other", { reason })}</>;
}
