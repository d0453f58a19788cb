import { useLocale, useTimeZone } from "next-intl";
import { useCallback } from "react";
import { formatMoment, type MomentStyle } from "@/lib/date-formats";

/** Writes moments in the reader's language and the page's zone, or another one. */
export function useMoment(): (at: string, style: MomentStyle, timeZone?: string) => string {
  const locale = useLocale();
  const zone = useTimeZone() ?? "UTC";
  return useCallback((at, style, timeZone = zone) => formatMoment(at, style, locale, timeZone), [locale, zone]);
}
