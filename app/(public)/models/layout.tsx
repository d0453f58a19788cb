import { NextIntlClientProvider } from "next-intl";
import { getMessages } from "next-intl/server";
import type { ReactNode } from "react";

/** The list searches and sorts in the browser, so its texts travel there; other public pages do without them. */
export default async function ModelsLayout({ children }: { children: ReactNode }) {
  const { app, error, models, shell, ui } = await getMessages();
  return <NextIntlClientProvider messages={{ app, error, models, shell, ui }}>{children}</NextIntlClientProvider>;
}
