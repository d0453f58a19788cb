"use client";

import { Check, ChevronsUpDown } from "lucide-react";
import Link from "next/link";
import { useTranslations } from "next-intl";
import { Button } from "@/components/ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/components/ui/menu";

export type ShellOrg = { slug: string; name: string };

/** Switching is a link to the other organisation's overview, so it works in a new tab too. Not fetched ahead: looking at an
 *  organisation makes it the one to start with next time. */
export function OrgSwitcher({ current, orgs }: { current: ShellOrg; orgs: readonly ShellOrg[] }) {
  const t = useTranslations("shell");
  return (
    <Menu>
      <MenuTrigger
        render={<Button variant="quiet" size="small" className="min-w-0 shrink font-medium text-ink" />}
        aria-label={t("organisation", { name: current.name })}
      >
        <span className="truncate">{current.name}</span>
        <ChevronsUpDown className="text-ink-2" strokeWidth={1.5} aria-hidden />
      </MenuTrigger>
      <MenuContent align="start" className="min-w-56">
        {orgs.map(({ slug, name }) => (
          <MenuItem key={slug} render={<Link href={`/${slug}`} prefetch={false} />}>
            <span className="size-4 shrink-0">{slug === current.slug && <Check strokeWidth={1.5} aria-hidden />}</span>
            <span className="truncate">{name}</span>
          </MenuItem>
        ))}
        <div className="mt-1 border-t pt-1">
          <MenuItem render={<Link href="/new-org" />}>
            <span className="size-4 shrink-0" />
            {t("newOrganisation")}
          </MenuItem>
        </div>
      </MenuContent>
    </Menu>
  );
}
