"use client";

import { type AbstractIntlMessages, NextIntlClientProvider } from "next-intl";
import { useEffect, useState } from "react";
import "@/app/globals.css";
import { ErrorPage, type ErrorPageProps } from "@/components/shell/error-page";
import { DEFAULT_LOCALE, isLocale, LOCALE_COOKIE, type Locale, negotiateLocale } from "@/lib/locale";

/** The layout itself failed, and with it everything that knows the language: find it again in the browser. */
export default function GlobalError(props: ErrorPageProps) {
  const [texts, setTexts] = useState<{ locale: Locale; messages: AbstractIntlMessages }>();

  useEffect(() => {
    const locale = browserLocale();
    import(`../messages/${locale}.json`).then(({ default: messages }) => setTexts({ locale, messages }));
  }, []);

  return (
    <html lang={texts?.locale ?? DEFAULT_LOCALE}>
      <body>
        {texts && (
          <NextIntlClientProvider locale={texts.locale} messages={texts.messages}>
            <main>
              <ErrorPage {...props} />
            </main>
          </NextIntlClientProvider>
        )}
      </body>
    </html>
  );
}

function browserLocale(): Locale {
  const cookie = document.cookie.split("; ").find((pair) => pair.startsWith(`${LOCALE_COOKIE}=`));
  const value = cookie?.slice(LOCALE_COOKIE.length + 1);
  return isLocale(value) ? value : negotiateLocale(navigator.languages.join(","));
}
