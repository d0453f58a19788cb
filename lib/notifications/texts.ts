import type { Locale } from "@/lib/locale";
import en from "@/messages/en.json" with { type: "json" };
import ja from "@/messages/ja.json" with { type: "json" };
import zh from "@/messages/zh.json" with { type: "json" };
import zhTW from "@/messages/zh-TW.json" with { type: "json" };

const MAIL: Record<Locale, typeof en.mail> = { en: en.mail, zh: zh.mail, "zh-TW": zhTW.mail, ja: ja.mail };

export type MailTemplate = keyof typeof en.mail.templates;
export type MailTexts = typeof en.mail;

export function mailTexts(locale: Locale): MailTexts {
  return MAIL[locale];
}

/** Puts values in place of `{name}`. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
