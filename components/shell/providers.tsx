import { NextIntlClientProvider } from "next-intl";
import { getMessages } from "next-intl/server";
import type { ReactNode } from "react";
import { ClientProviders } from "@/components/shell/client-providers";

/** What client components may read: only the sections they use travel to the browser. */
export async function Providers({ nonce, children }: { nonce: string | undefined; children: ReactNode }) {
  const { app, error, shell, ui } = await getMessages();
  return (
    <NextIntlClientProvider messages={{ app, error, shell, ui }}>
      <ClientProviders nonce={nonce}>{children}</ClientProviders>
    </NextIntlClientProvider>
  );
}
