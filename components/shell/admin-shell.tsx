"use client";

import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { ADMIN_NAV, visibleNav } from "@/components/shell/nav";
import { ADMIN_ICONS } from "@/components/shell/nav-icons";
import { ShellFrame } from "@/components/shell/shell-frame";
import type { ShellUser, SignOut } from "@/components/shell/user-menu";
import { Badge } from "@/components/ui/badge";

type AdminShellProps = {
  user: ShellUser;
  permissions: readonly string[];
  mode: "service" | "enterprise";
  /** The state of the books, on every page. */
  books?: ReactNode;
  /** The way back to an organisation, where the person is in one. */
  consoleHref: string | null;
  onSignOut: SignOut;
  children: ReactNode;
};

/** Frame of the operator's pages. */
export function AdminShell({ user, permissions, mode, books, consoleHref, onSignOut, children }: AdminShellProps) {
  const t = useTranslations("shell");
  const links = visibleNav(ADMIN_NAV, permissions, mode).map(({ id, path, also = [], phone = false }) => ({
    href: `/admin${path}`,
    also: also.map((other) => `/admin${other}`),
    label: t(`admin.${id}`),
    short: id === "providers" ? t("short.providers") : undefined,
    icon: ADMIN_ICONS[id],
    phone,
  }));
  return (
    <ShellFrame
      navLabel={t("adminNav")}
      links={links}
      home="/admin"
      place={<Badge className="ml-2">{t("administration")}</Badge>}
      figure={books}
      user={user}
      menuLinks={consoleHref ? [{ href: consoleHref, label: t("toConsole") }] : []}
      onSignOut={onSignOut}
    >
      {children}
    </ShellFrame>
  );
}
