"use client";

import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { BalancePill, type ShellBalance } from "@/components/shell/balance-pill";
import { CONSOLE_NAV, visibleNav } from "@/components/shell/nav";
import { CONSOLE_ICONS } from "@/components/shell/nav-icons";
import { OrgSwitcher, type ShellOrg } from "@/components/shell/org-switcher";
import { ShellFrame } from "@/components/shell/shell-frame";
import type { ShellUser, SignOut } from "@/components/shell/user-menu";

type ConsoleShellProps = {
  org: ShellOrg;
  orgs: readonly ShellOrg[];
  user: ShellUser;
  permissions: readonly string[];
  mode: "service" | "enterprise";
  balance: ShellBalance | null;
  /** Adds the way to the administration. */
  staff: boolean;
  onSignOut: SignOut;
  children: ReactNode;
};

/** Frame of an organisation's pages. */
export function ConsoleShell(props: ConsoleShellProps) {
  const { org, orgs, user, permissions, mode, balance, staff, onSignOut, children } = props;
  const t = useTranslations("shell");
  const home = `/${org.slug}`;
  const links = visibleNav(CONSOLE_NAV, permissions, mode).map(({ id, path, phone = false }) => ({
    href: home + path,
    label: t(`console.${id}`),
    short: id === "playground" ? t("short.playground") : undefined,
    icon: CONSOLE_ICONS[id],
    phone,
  }));
  return (
    <ShellFrame
      navLabel={t("consoleNav")}
      links={links}
      home={home}
      place={<OrgSwitcher current={org} orgs={orgs} />}
      figure={balance && <BalancePill {...balance} />}
      user={user}
      menuLinks={[
        { href: `${home}/settings`, label: t("console.settings") },
        ...(staff ? [{ href: "/admin", label: t("administration") }] : []),
      ]}
      onSignOut={onSignOut}
    >
      {children}
    </ShellFrame>
  );
}
