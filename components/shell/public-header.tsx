import Link from "next/link";
import { useTranslations } from "next-intl";
import { LanguageMenu } from "@/components/shell/language-menu";
import { Mark } from "@/components/shell/logo";
import { ThemeMenu } from "@/components/shell/theme-menu";

export function PublicHeader() {
  const app = useTranslations("app");
  return (
    <header className="border-b">
      <div className="mx-auto flex h-14 max-w-[1280px] items-center gap-2 px-4 md:px-8">
        <Link
          href="/"
          className="-ml-1 flex items-center gap-2.5 rounded-control p-1 font-semibold pointer-coarse:min-h-11"
        >
          <Mark className="size-5" />
          {app("name")}
        </Link>
        <div className="ml-auto flex items-center gap-1">
          <LanguageMenu />
          <ThemeMenu />
        </div>
      </div>
    </header>
  );
}
