import type { DateTimeFormatOptions } from "next-intl";
import type { Locale } from "@/lib/locale";

/** How moments are written, by name: `format.dateTime(at, "minute")`. Outside English the clock has 24 hours, so that figures
 *  line up, and because Node and browsers word the time of day differently in Chinese (清晨, 上午), which breaks hydration. */
export function dateFormats(locale: Locale) {
  const clock: DateTimeFormatOptions = locale === "en" ? {} : { hourCycle: "h23" };
  return {
    /** A time alone. */
    time: { timeStyle: "medium", ...clock },
    minute: { dateStyle: "medium", timeStyle: "short", ...clock },
    second: { dateStyle: "medium", timeStyle: "medium", ...clock },
    /** To the second, with its zone. */
    zoned: { dateStyle: "medium", timeStyle: "long", ...clock },
  } satisfies Record<string, DateTimeFormatOptions>;
}
