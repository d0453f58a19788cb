"use client";

import { Ellipsis } from "lucide-react";
import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import type { ListedKey } from "@/components/keys/key-table";
import { RevokeDialog } from "@/components/keys/revoke-dialog";
import { RotateDialog } from "@/components/keys/rotate-dialog";
import { Button } from "@/components/ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/components/ui/menu";
import { useToast } from "@/components/ui/toast";
import { toggleKeyAction } from "@/lib/keys/actions";

type KeyMenuProps = { orgSlug: string; row: ListedKey; baseUrl: string; model: string | null };

export function KeyMenu({ orgSlug, row, baseUrl, model }: KeyMenuProps) {
  const t = useTranslations("keys");
  const toast = useToast();
  const router = useRouter();
  const [dialog, setDialog] = useState<"rotate" | "revoke" | null>(null);
  const [busy, start] = useTransition();
  const toggle = () =>
    start(async () => {
      const result = await toggleKeyAction(orgSlug, { id: row.id, enabled: !row.enabled });
      if (result.ok) router.refresh();
      else toast.add({ title: t("failed", { message: result.error.message }) });
    });
  return (
    <>
      {/* The dialogs stay also when the row is revoked: one of them may be showing the key that replaces it. */}
      <Menu>
        <MenuTrigger
          render={<Button variant="quiet" size="icon" className={row.state === "revoked" ? "hidden" : undefined} />}
          disabled={busy}
          aria-label={t("actions", { name: row.name })}
        >
          <Ellipsis strokeWidth={1.5} aria-hidden />
        </MenuTrigger>
        <MenuContent>
          <MenuItem onClick={() => setDialog("rotate")}>{t("rotate")}</MenuItem>
          <MenuItem onClick={toggle}>{row.enabled ? t("disable") : t("enable")}</MenuItem>
          <MenuItem className="text-danger" onClick={() => setDialog("revoke")}>
            {t("revoke")}
          </MenuItem>
        </MenuContent>
      </Menu>
      <RotateDialog
        orgSlug={orgSlug}
        row={row}
        baseUrl={baseUrl}
        model={model}
        open={dialog === "rotate"}
        onClose={() => setDialog(null)}
      />
      <RevokeDialog orgSlug={orgSlug} row={row} open={dialog === "revoke"} onClose={() => setDialog(null)} />
    </>
  );
}
