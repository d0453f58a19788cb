import { cookies, headers } from "next/headers";
import type { AbstractIntlMessages } from "next-intl";
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

/** The texts of a language. Where nobody pays, those that speak of paying are replaced: messages/enterprise/ holds them
 *  under the same keys. */
export async function loadMessages(locale: Locale, mode: "service" | "enterprise"): Promise<AbstractIntlMessages> {
  const texts: AbstractIntlMessages = (await import(`../messages/${locale}.json`)).default;
  if (mode === "service") return texts;
  return replaceTexts(texts, (await import(`../messages/enterprise/${locale}.json`)).default);
}

export function replaceTexts(texts: AbstractIntlMessages, others: AbstractIntlMessages): AbstractIntlMessages {
  const replaced = Object.entries(others).map(([key, other]) => {
    const text = texts[key];
    return [key, typeof other === "object" && typeof text === "object" ? replaceTexts(text, other) : other];
  });
  return { ...texts, ...Object.fromEntries(replaced) };
}

export async function requestLocale(): Promise<Locale> {
  const incoming = await headers();
  const parameter = incoming.get(LOCALE_HEADER);
  if (isLocale(parameter)) return parameter;
  const cookie = (await cookies()).get(LOCALE_COOKIE)?.value;
  return isLocale(cookie) ? cookie : negotiateLocale(incoming.get("accept-language"));
}
