/** The languages of the product. The address of a page never says which: cookie, then Accept-Language; `?lang=` on
 *  public pages, which also sets the cookie. */
export const LOCALES = ["en", "zh", "zh-TW", "ja"] as const;
export type Locale = (typeof LOCALES)[number];

export const DEFAULT_LOCALE: Locale = "en";
export const LOCALE_COOKIE = "hub_locale";
export const LOCALE_PARAMETER = "lang";
/** Carries a valid `?lang=` from the proxy to the page, as layouts do not see the query. */
export const LOCALE_HEADER = "x-hub-locale";
export const LOCALE_COOKIE_SECONDS = 365 * 24 * 60 * 60;

/** Each language in its own words, as a menu shows it whatever the current one is. */
export const LOCALE_NAMES: Record<Locale, string> = {
  en: "English",
  zh: "简体中文",
  "zh-TW": "繁體中文",
  ja: "日本語",
};

export function isLocale(value: unknown): value is Locale {
  return LOCALES.some((locale) => locale === value);
}

/** The best of our languages for an Accept-Language header; English when none fits. */
export function negotiateLocale(acceptLanguage: string | null | undefined): Locale {
  const ranges = (acceptLanguage ?? "")
    .split(",")
    .map((part) => {
      const [tag = "", ...parameters] = part.trim().split(";");
      const q = parameters.map((text) => /^\s*q=([\d.]+)\s*$/.exec(text)?.[1]).find(Boolean);
      return { tag: tag.toLowerCase(), quality: q === undefined ? 1 : Number(q) };
    })
    .filter(({ tag, quality }) => tag && quality > 0)
    .sort((a, b) => b.quality - a.quality);
  for (const { tag } of ranges) {
    const locale = localeOf(tag);
    if (locale) return locale;
  }
  return DEFAULT_LOCALE;
}

/** Chinese is told apart by script; a region stands for the script it writes. */
function localeOf(tag: string): Locale | null {
  const [language, ...subtags] = tag.split("-");
  if (language === "en" || language === "ja") return language;
  if (language !== "zh") return null;
  if (subtags.includes("hans")) return "zh";
  return subtags.some((subtag) => ["hant", "tw", "hk", "mo"].includes(subtag)) ? "zh-TW" : "zh";
}
