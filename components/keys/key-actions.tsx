"use client";

import { useTranslations } from "next-intl";
import { useState } from "react";
import { type KeyDialog, KeyDialogs } from "@/components/keys/key-dialogs";
import type { KeyContext, ListedKey } from "@/components/keys/listed-key";
import { useToggleKeys } from "@/components/keys/use-toggle-keys";
import { Button } from "@/components/ui/button";

/** The actions of a key's own page. A revoked key has none. */
export function KeyActions({ context, row }: { context: KeyContext; row: ListedKey }) {
  const t = useTranslations("keys");
  const [dialog, setDialog] = useState<KeyDialog | null>(null);
  const [busy, toggle] = useToggleKeys(context.orgSlug);
  return (
    <div className="flex flex-wrap gap-2">
      {row.state !== "revoked" && (
        <>
          <Button variant="primary" onClick={() => setDialog("edit")}>
            {t("edit")}
          </Button>
          <Button onClick={() => setDialog("rotate")}>{t("rotate")}</Button>
          <Button disabled={busy} onClick={() => toggle([row.id], !row.enabled)}>
            {row.enabled ? t("disable") : row.state === "paused" ? t("resume") : t("enable")}
          </Button>
          <Button variant="danger" onClick={() => setDialog("revoke")}>
            {t("revoke")}
          </Button>
        </>
      )}
      <KeyDialogs context={context} row={row} shown={dialog} onClose={() => setDialog(null)} />
    </div>
  );
}
