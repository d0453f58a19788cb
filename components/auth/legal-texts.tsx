import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import type { Settings } from "@/lib/settings/schema";

/** The operator's own addresses; empty: not set. */
export type LegalUrls = Pick<Settings, "termsUrl" | "privacyUrl">;

/** What somebody agrees to by signing up, in the operator's words elsewhere. Nothing where the operator named none. */
export function LegalTexts({ termsUrl, privacyUrl }: LegalUrls) {
  const t = useTranslations("auth.legal");
  return (
    <p className="text-sm text-ink-2 empty:hidden">
      {termsUrl && t.rich("terms", { link: outside(termsUrl) })}
      {termsUrl && privacyUrl && " "}
      {privacyUrl && t.rich("privacy", { link: outside(privacyUrl) })}
    </p>
  );
}

/** In another tab, so that what is typed here stays. */
function outside(href: string) {
  return (text: ReactNode) => (
    <a href={href} target="_blank" rel="noopener noreferrer" className="text-ink underline underline-offset-4">
      {text}
    </a>
  );
}
