import Link from "next/link";
import { useTranslations } from "next-intl";
import { LanguageMenu } from "@/components/shell/language-menu";
import { Mark } from "@/components/shell/logo";
import { ThemeMenu } from "@/components/shell/theme-menu";
import { buttonVariants } from "@/components/ui/button";

/** For strangers, for who is signed in, and for pages that are themselves the way. */
export type WayIn = "signIn" | "toConsole" | null;

export function PublicHeader({ wayIn }: { wayIn: WayIn }) {
  const app = useTranslations("app");
  const t = useTranslations("shell");
  return (
    <header className="border-b">
      <div className="mx-auto flex h-14 max-w-[1280px] items-center gap-2 px-4 md:px-8">
        <Link
          href="/"
          className="-ml-1 flex items-center gap-2.5 rounded-control p-1 font-semibold pointer-coarse:min-h-11"
        >
          <Mark className="size-5" />
          {/* the way in may be a long word, and the mark says it too */}
          <span className="max-[400px]:sr-only">{app("name")}</span>
        </Link>
        <div className="ml-auto flex items-center gap-1">
          <LanguageMenu />
          <ThemeMenu />
          {wayIn && (
            // whoever is signed in is led on from there
            <Link href="/sign-in" className={buttonVariants({ variant: "quiet", className: "-mr-3.5" })}>
              {t(wayIn)}
            </Link>
          )}
        </div>
      </div>
    </header>
  );
}
