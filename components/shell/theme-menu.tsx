"use client";

import { Monitor, Moon, Sun } from "lucide-react";
import { useTranslations } from "next-intl";
import { useTheme } from "next-themes";
import { Button } from "@/components/ui/button";
import { Menu, MenuContent, MenuRadioGroup, MenuRadioItem, MenuTrigger } from "@/components/ui/menu";

const THEMES = [
  { value: "light", Icon: Sun },
  { value: "dark", Icon: Moon },
  { value: "system", Icon: Monitor },
] as const;

export function ThemeMenu() {
  const t = useTranslations("shell");
  const { theme, setTheme } = useTheme();
  return (
    <Menu>
      <MenuTrigger render={<Button variant="quiet" size="icon" />} aria-label={t("theme")}>
        {/* Which one shows is decided by the class on <html>, so server and browser render the same. */}
        <Sun strokeWidth={1.5} className="dark:hidden" aria-hidden />
        <Moon strokeWidth={1.5} className="hidden dark:block" aria-hidden />
      </MenuTrigger>
      <MenuContent>
        <MenuRadioGroup value={theme} onValueChange={(value: unknown) => setTheme(String(value))}>
          {THEMES.map(({ value, Icon }) => (
            <MenuRadioItem key={value} value={value}>
              <Icon strokeWidth={1.5} className="text-ink-2" aria-hidden />
              {t(`themes.${value}`)}
            </MenuRadioItem>
          ))}
        </MenuRadioGroup>
      </MenuContent>
    </Menu>
  );
}
