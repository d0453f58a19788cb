import { getRequestConfig } from "next-intl/server";
import { loadMessages, requestLocale } from "@/lib/i18n";
import { isLocale } from "@/lib/locale";
import { findMode } from "@/lib/settings/queries";

/** next-intl's configuration of one request. */
export default getRequestConfig(async ({ locale: asked }) => {
  const [locale, mode] = await Promise.all([isLocale(asked) ? asked : requestLocale(), findMode()]);
  return { locale, messages: await loadMessages(locale, mode), timeZone: "UTC" };
});
