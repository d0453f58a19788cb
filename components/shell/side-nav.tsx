"use client";

import { Ellipsis, type LucideIcon } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { useTranslations } from "next-intl";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/components/ui/menu";
import { cn } from "@/lib/utils";

export type NavLink = {
  href: string;
  /** Other addresses at which it is the current one. */
  also?: readonly string[];
  label: string;
  /** For the bar of a phone, a fifth of its width; by default `label`. */
  short?: string | undefined;
  icon: LucideIcon;
  phone: boolean;
};

/** Names beside icons; on a middling screen the icons alone, whose names stay in the accessibility tree. */
export function SideNav({ label, links }: { label: string; links: readonly NavLink[] }) {
  const current = useCurrent(links);
  return (
    <nav aria-label={label} className="flex flex-col gap-0.5 px-2 py-3">
      {links.map(({ href, label: name, icon: Icon }) => (
        <Link
          key={href}
          href={href}
          title={name}
          aria-current={href === current ? "page" : undefined}
          className="relative flex h-9 items-center gap-3 rounded-control px-3 text-ink-2 hover:bg-ink/5 hover:text-ink aria-current-page:font-medium aria-current-page:text-ink aria-current-page:before:absolute aria-current-page:before:inset-y-2 aria-current-page:before:-left-2 aria-current-page:before:w-0.5 aria-current-page:before:bg-accent"
        >
          <Icon className="size-4 shrink-0" strokeWidth={1.5} aria-hidden />
          <span className="truncate max-lg:sr-only">{name}</span>
        </Link>
      ))}
    </nav>
  );
}

const BAR_ITEM =
  "flex min-h-14 min-w-0 flex-1 flex-col items-center justify-center gap-1 px-1 text-xs text-ink-2 aria-current-page:font-medium aria-current-page:text-ink data-active:font-medium data-active:text-ink";

/** The phone's navigation: the first four where a thumb is, the rest behind one button. */
export function BottomNav({ label, links }: { label: string; links: readonly NavLink[] }) {
  const t = useTranslations("shell");
  const current = useCurrent(links);
  const bar = links.filter(({ phone }) => phone);
  const rest = links.filter(({ phone }) => !phone);
  return (
    <nav
      aria-label={label}
      className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line-strong bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {bar.map(({ href, label: name, short, icon: Icon }) => (
        <Link key={href} href={href} aria-current={href === current ? "page" : undefined} className={BAR_ITEM}>
          <Icon className="size-5" strokeWidth={1.5} aria-hidden />
          <span className="max-w-full truncate">{short ?? name}</span>
        </Link>
      ))}
      {rest.length > 0 && (
        <Menu>
          <MenuTrigger
            className={cn(BAR_ITEM, "select-none")}
            data-active={rest.some(({ href }) => href === current) || undefined}
          >
            <Ellipsis className="size-5" strokeWidth={1.5} aria-hidden />
            {t("more")}
          </MenuTrigger>
          <MenuContent side="top">
            {rest.map(({ href, label: name, icon: Icon }) => (
              <MenuItem key={href} render={<Link href={href} />}>
                <Icon strokeWidth={1.5} className="text-ink-2" aria-hidden />
                {name}
              </MenuItem>
            ))}
          </MenuContent>
        </Menu>
      )}
    </nav>
  );
}

/** The longest link that the address begins with: a detail belongs to its list. */
function useCurrent(links: readonly NavLink[]): string | undefined {
  const pathname = usePathname();
  const isAt = (address: string) => pathname === address || pathname.startsWith(`${address}/`);
  return links
    .flatMap(({ href, also = [] }) => [href, ...also].filter(isAt).map((address) => ({ href, address })))
    .sort((a, b) => b.address.length - a.address.length)[0]?.href;
}
