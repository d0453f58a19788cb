import type { Metadata } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { PublicShell } from "@/components/shell/public-shell";
import { buttonVariants } from "@/components/ui/button";
import { findSession } from "@/lib/auth/session";

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("notFound");
  return { title: t("title") };
}

export default async function NotFound() {
  const t = await getTranslations("notFound");
  // the page must also be there while the database is not
  const session = await findSession().catch(() => null);
  return (
    <PublicShell wayIn={session ? "toConsole" : "signIn"}>
      <div className="mx-auto max-w-[1280px] px-4 py-16 md:px-8 md:py-24">
        <p className="figures font-mono text-sm text-ink-2">404</p>
        <h1 className="tight mt-2 text-2xl font-semibold">{t("title")}</h1>
        <p className="mt-2 max-w-[60ch] text-lg text-ink-2">{t("text")}</p>
        <Link href="/" className={buttonVariants({ className: "mt-6" })}>
          {t("home")}
        </Link>
      </div>
    </PublicShell>
  );
}
