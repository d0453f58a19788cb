import Link from "next/link";
import { useLocale, useTranslations } from "next-intl";
import { LOCALE_NAMES, LOCALE_PARAMETER, LOCALES } from "@/lib/locale";

const LINK = "underline decoration-line-strong underline-offset-4 hover:decoration-current";

/** The languages are plain links here: they work without scripts and are what a crawler follows. */
export function PublicFooter() {
  const t = useTranslations("shell");
  const current = useLocale();
  return (
    <footer className="border-t">
      <div className="mx-auto flex max-w-[1280px] flex-wrap items-center justify-between gap-x-8 gap-y-4 px-4 py-6 text-sm text-ink-2 md:px-8">
        <nav aria-label={t("languages")}>
          <ul className="-mx-2 flex flex-wrap">
            {LOCALES.map((locale) => (
              <li key={locale}>
                <a
                  href={`?${LOCALE_PARAMETER}=${locale}`}
                  hrefLang={locale}
                  lang={locale}
                  aria-current={locale === current ? "true" : undefined}
                  className="flex min-h-8 items-center rounded-control px-2 hover:text-ink aria-current:font-medium aria-current:text-ink pointer-coarse:min-h-11"
                >
                  {LOCALE_NAMES[locale]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <p className="flex flex-wrap gap-x-5 gap-y-2">
          <Link href="/docs/compatibility" className={LINK}>
            {t("compatibility")}
          </Link>
          <Link href="/status" className={LINK}>
            {t("status")}
          </Link>
          <a href="/api/openapi.json" className={LINK}>
            {t("openapi")}
          </a>
        </p>
      </div>
    </footer>
  );
}
