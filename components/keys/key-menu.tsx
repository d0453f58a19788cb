"use client";

import { Ellipsis } from "lucide-react";
import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useState } from "react";
import { type KeyDialog, KeyDialogs } from "@/components/keys/key-dialogs";
import type { KeyContext, ListedKey } from "@/components/keys/listed-key";
import { useToggleKeys } from "@/components/keys/use-toggle-keys";
import { Button } from "@/components/ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/components/ui/menu";

export function KeyMenu({ context, row }: { context: KeyContext; row: ListedKey }) {
  const t = useTranslations("keys");
  const router = useRouter();
  const [dialog, setDialog] = useState<KeyDialog | null>(null);
  const [busy, toggle] = useToggleKeys(context.orgSlug);
  return (
    <>
      <Menu>
        <MenuTrigger
          render={<Button variant="quiet" size="icon" />}
          disabled={busy}
          aria-label={t("actions", { name: row.name })}
        >
          <Ellipsis strokeWidth={1.5} aria-hidden />
        </MenuTrigger>
        <MenuContent>
          <MenuItem onClick={() => router.push(`/${context.orgSlug}/keys/${row.id}`)}>{t("view")}</MenuItem>
          {row.state !== "revoked" && (
            <>
              <MenuItem onClick={() => setDialog("edit")}>{t("edit")}</MenuItem>
              <MenuItem onClick={() => setDialog("rotate")}>{t("rotate")}</MenuItem>
              <MenuItem onClick={() => toggle([row.id], !row.enabled)}>
                {row.enabled ? t("disable") : row.state === "paused" ? t("resume") : t("enable")}
              </MenuItem>
              <MenuItem className="text-danger" onClick={() => setDialog("revoke")}>
                {t("revoke")}
              </MenuItem>
            </>
          )}
        </MenuContent>
      </Menu>
      <KeyDialogs context={context} row={row} shown={dialog} onClose={() => setDialog(null)} />
    </>
  );
}
