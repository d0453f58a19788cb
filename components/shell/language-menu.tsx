"use client";

import { Languages } from "lucide-react";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useLocale, useTranslations } from "next-intl";
import { Button } from "@/components/ui/button";
import { Menu, MenuContent, MenuRadioGroup, MenuRadioItem, MenuTrigger } from "@/components/ui/menu";
import {
  isLocale,
  LOCALE_COOKIE,
  LOCALE_COOKIE_SECONDS,
  LOCALE_NAMES,
  LOCALE_PARAMETER,
  LOCALES,
  type Locale,
} from "@/lib/locale";

export function LanguageMenu() {
  const t = useTranslations("shell");
  const locale = useLocale();
  const choose = useChooseLocale();
  return (
    <Menu>
      <MenuTrigger
        render={<Button variant="quiet" size="small" />}
        aria-label={t("language", { name: LOCALE_NAMES[locale] })}
      >
        <Languages strokeWidth={1.5} aria-hidden />
        <span className="max-sm:hidden">{LOCALE_NAMES[locale]}</span>
      </MenuTrigger>
      <MenuContent>
        <MenuRadioGroup value={locale} onValueChange={(value: unknown) => isLocale(value) && choose(value)}>
          {LOCALES.map((value) => (
            <MenuRadioItem key={value} value={value} lang={value}>
              {LOCALE_NAMES[value]}
            </MenuRadioItem>
          ))}
        </MenuRadioGroup>
      </MenuContent>
    </Menu>
  );
}

/** Remembers the language in a cookie and renders the same page again, without a `?lang=` that would win over it. */
export function useChooseLocale(): (locale: Locale) => void {
  const router = useRouter();
  const pathname = usePathname();
  const parameters = useSearchParams();
  return (locale) => {
    const secure = location.protocol === "https:" ? "; secure" : "";
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store interface is missing over plain http
    document.cookie = `${LOCALE_COOKIE}=${locale}; path=/; max-age=${LOCALE_COOKIE_SECONDS}; samesite=lax${secure}`;
    const kept = new URLSearchParams(parameters);
    kept.delete(LOCALE_PARAMETER);
    router.replace(kept.size > 0 ? `${pathname}?${kept}` : pathname, { scroll: false });
    router.refresh();
  };
}
