"use client";

import Link from "next/link";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { LanguageMenu } from "@/components/shell/language-menu";
import { Mark } from "@/components/shell/logo";
import { BottomNav, type NavLink, SideNav } from "@/components/shell/side-nav";
import { ThemeMenu } from "@/components/shell/theme-menu";
import { type ShellUser, type SignOut, UserMenu } from "@/components/shell/user-menu";

type ShellFrameProps = {
  /** Names the navigation to assistive technology. */
  navLabel: string;
  links: readonly NavLink[];
  home: string;
  /** Where one is: the organisation, or the administration. */
  place: ReactNode;
  /** Figures at the right of the top bar: balance, state of the books. */
  figure?: ReactNode;
  user: ShellUser;
  menuLinks: readonly { href: string; label: string }[];
  onSignOut: SignOut;
  children: ReactNode;
};

/** Sidebar, thin top bar, content; on a phone the sidebar is a bar at the bottom. */
export function ShellFrame(props: ShellFrameProps) {
  const { navLabel, links, home, place, figure, user, menuLinks, onSignOut, children } = props;
  const t = useTranslations("shell");
  const app = useTranslations("app");
  return (
    <div data-slot="shell" className="min-h-dvh md:pl-14 lg:pl-58">
      <a
        href="#content"
        className="sr-only z-50 rounded-control border bg-surface px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        {t("skip")}
      </a>
      <aside className="fixed inset-y-0 left-0 z-30 hidden w-14 flex-col border-r md:flex lg:w-58">
        <Link
          href={home}
          aria-label={app("name")}
          className="flex h-12 items-center gap-2.5 px-4.5 font-semibold lg:px-5"
        >
          <Mark className="size-5 shrink-0" />
          <span className="max-lg:hidden">{app("name")}</span>
        </Link>
        <div className="min-h-0 flex-1 overflow-y-auto">
          <SideNav label={navLabel} links={links} />
        </div>
      </aside>
      <header className="sticky top-0 z-20 flex h-12 items-center gap-1 border-b bg-paper px-4 md:px-8">
        <div className="-ml-2 flex min-w-0 flex-1 items-center">{place}</div>
        {figure}
        <div className="flex items-center max-md:hidden">
          <LanguageMenu />
          <ThemeMenu />
        </div>
        <UserMenu user={user} links={menuLinks} onSignOut={onSignOut} />
      </header>
      <main
        id="content"
        tabIndex={-1}
        className="mx-auto w-full max-w-[1280px] px-4 pb-24 outline-none max-md:pb-32 md:px-8 has-data-fill:flex has-data-fill:h-[calc(100dvh-3rem)] has-data-fill:flex-col has-data-fill:pb-0 max-md:has-data-fill:h-[calc(100dvh-6.5rem-env(safe-area-inset-bottom))]"
      >
        {children}
      </main>
      <BottomNav label={navLabel} links={links} />
    </div>
  );
}
