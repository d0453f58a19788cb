import { NextIntlClientProvider } from "next-intl";
import { getMessages } from "next-intl/server";
import type { ReactNode } from "react";

/** Adds the texts of the pages before sign-in to what client components may read. */
export async function AuthProviders({ children }: { children: ReactNode }) {
  const { app, auth, credential, error, setup, shell, ui } = await getMessages();
  return (
    <NextIntlClientProvider messages={{ app, auth, credential, error, setup, shell, ui }}>
      {children}
    </NextIntlClientProvider>
  );
}
