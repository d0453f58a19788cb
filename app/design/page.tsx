import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Gallery } from "@/components/design/gallery";
import { ConsoleProviders } from "@/components/shell/console-providers";
import { receiptOf } from "@/lib/billing/receipt";
import { EXAMPLE_CALL } from "@/lib/billing/receipt-example";

/** Set by next.config.ts at build time. */
declare const NEXT_DEV_SERVER: boolean;

export const metadata: Metadata = { robots: { index: false } };

/** Every component in its states, in both themes side by side. For whoever develops: no build that is served has it. */
export default function DesignPage() {
  if (!NEXT_DEV_SERVER) notFound();
  const receipt = receiptOf(EXAMPLE_CALL);
  return (
    <ConsoleProviders timeZone="UTC">
      <main className="grid min-h-dvh min-[1100px]:grid-cols-2">
        {(["light", "dark"] as const).map((theme) => (
          <div key={theme} className={`${theme} min-w-0 bg-paper px-4 py-8 text-ink md:px-8`}>
            <Gallery theme={theme} receipt={receipt} free={receiptOf({ ...EXAMPLE_CALL, usage: {} })} />
          </div>
        ))}
      </main>
    </ConsoleProviders>
  );
}
