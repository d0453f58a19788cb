import { cookies, headers } from "next/headers";
import type { AbstractIntlMessages } from "next-intl";
import { getRequestConfig } from "next-intl/server";
import { isLocale, LOCALE_COOKIE, LOCALE_HEADER, type Locale, negotiateLocale } from "@/lib/locale";
import type messages from "@/messages/en.json";

// Keys and languages become types: a text that does not exist fails the type check.
declare module "next-intl" {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface can be augmented
  interface AppConfig {
    Locale: Locale;
    Messages: typeof messages;
  }
}

/** next-intl's configuration of one request. */
export default getRequestConfig(async ({ locale: asked }) => {
  const locale = isLocale(asked) ? asked : await requestLocale();
  return { locale, messages: await loadMessages(locale), timeZone: "UTC" };
});

export async function loadMessages(locale: Locale): Promise<AbstractIntlMessages> {
  return (await import(`../messages/${locale}.json`)).default;
}

async function requestLocale(): Promise<Locale> {
  const incoming = await headers();
  const parameter = incoming.get(LOCALE_HEADER);
  if (isLocale(parameter)) return parameter;
  const cookie = (await cookies()).get(LOCALE_COOKIE)?.value;
  return isLocale(cookie) ? cookie : negotiateLocale(incoming.get("accept-language"));
}
