import type { Locale } from "@/lib/locale";

const STYLES = {
  hour: { timeStyle: "short" },
  /** To the second, without its day. */
  time: { timeStyle: "medium" },
  minute: { dateStyle: "medium", timeStyle: "short" },
  second: { dateStyle: "medium", timeStyle: "medium" },
  /** To the second, with its zone. */
  zoned: { dateStyle: "medium", timeStyle: "long" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;
export type MomentStyle = keyof typeof STYLES;

/** A moment as the language writes it, except that Chinese has a clock of 24 hours: figures line up then, and no server and
 *  browser disagree about the word for the time of day (清晨, 凌晨), which breaks hydration. The clock is asked for by the
 *  locale, as an option for it changes the blanks in Chromium. */
export function formatMoment(at: string | Date, style: MomentStyle, locale: Locale, timeZone: string): string {
  return formatterOf(style, locale, timeZone).format(new Date(at));
}

const made = new Map<string, Intl.DateTimeFormat>();

function formatterOf(style: MomentStyle, locale: Locale, timeZone: string): Intl.DateTimeFormat {
  const key = `${style} ${locale} ${timeZone}`;
  const clocked = locale === "zh-TW" ? "zh-TW-u-hc-h23" : locale;
  const formatter = made.get(key) ?? new Intl.DateTimeFormat(clocked, { ...STYLES[style], timeZone });
  made.set(key, formatter);
  return formatter;
}
