"use client";

import { CircleUserRound } from "lucide-react";
import Link from "next/link";
import { useTranslations } from "next-intl";
import { useTheme } from "next-themes";
import { Button } from "@/components/ui/button";
import { Menu, MenuContent, MenuItem, MenuRadioGroup, MenuRadioItem, MenuTrigger } from "@/components/ui/menu";
import { useToast } from "@/components/ui/toast";

export type ShellUser = { name: string; email: string };

/** The server action; it says where to go from here. */
export type SignOut = (input: Record<string, never>) => Promise<{ ok: true; data: { to: string } } | { ok: false }>;

type UserMenuProps = {
  user: ShellUser;
  links: readonly { href: string; label: string }[];
  onSignOut: SignOut;
};

export function UserMenu({ user, links, onSignOut }: UserMenuProps) {
  const t = useTranslations("shell");
  const toast = useToast();
  const { theme, setTheme } = useTheme();
  const signOut = async () => {
    const result = await onSignOut({}).catch(() => null);
    if (!result) return toast.add({ title: t("signOutLost") });
    // a whole new page, so that nothing of the person stays in memory
    location.assign(result.ok ? result.data.to : "/sign-in");
  };
  return (
    <Menu>
      <MenuTrigger
        render={<Button variant="quiet" size="icon" className="-mr-2" />}
        aria-label={t("account", { name: user.name || user.email })}
      >
        <CircleUserRound strokeWidth={1.5} aria-hidden />
      </MenuTrigger>
      <MenuContent className="min-w-56">
        <div className="border-b px-2 pt-1 pb-2">
          <p className="truncate font-medium">{user.name}</p>
          <p className="truncate text-sm text-ink-2">{user.email}</p>
        </div>
        {links.map(({ href, label }) => (
          <MenuItem key={href} className="first-of-type:mt-1" render={<Link href={href} />}>
            {label}
          </MenuItem>
        ))}
        {/* On a phone the top bar has no room for the theme. */}
        <MenuRadioGroup
          className="border-t md:hidden"
          value={theme}
          onValueChange={(value: unknown) => setTheme(String(value))}
        >
          {(["light", "dark", "system"] as const).map((value) => (
            <MenuRadioItem key={value} value={value}>
              {t(`themes.${value}`)}
            </MenuRadioItem>
          ))}
        </MenuRadioGroup>
        <div className="mt-1 border-t pt-1">
          <MenuItem onClick={signOut}>{t("signOut")}</MenuItem>
        </div>
      </MenuContent>
    </Menu>
  );
}
