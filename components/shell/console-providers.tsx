import { NextIntlClientProvider } from "next-intl";
import { getMessages } from "next-intl/server";
import { NuqsAdapter } from "nuqs/adapters/next/app";
import type { ReactNode } from "react";

/** Texts of the public pages stay behind; everything else a signed-in person meets travels once, with the shell. */
const PUBLIC_ONLY = ["landing", "notFound", "setup", "mail"];

/** What client components of console and admin may read, dates in the organisation's zone, filters in the address. */
export async function ConsoleProviders({ timeZone, children }: { timeZone: string; children: ReactNode }) {
  const messages = Object.entries(await getMessages()).filter(([name]) => !PUBLIC_ONLY.includes(name));
  return (
    <NextIntlClientProvider messages={Object.fromEntries(messages)} timeZone={timeZone}>
      <NuqsAdapter>{children}</NuqsAdapter>
    </NextIntlClientProvider>
  );
}
