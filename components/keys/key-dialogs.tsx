"use client";

import { EditDialog } from "@/components/keys/edit-dialog";
import type { KeyContext, ListedKey } from "@/components/keys/listed-key";
import { RevokeDialog } from "@/components/keys/revoke-dialog";
import { RotateDialog } from "@/components/keys/rotate-dialog";

export type KeyDialog = "edit" | "rotate" | "revoke";

type KeyDialogsProps = { context: KeyContext; row: ListedKey; shown: KeyDialog | null; onClose: () => void };

/** They stay also when the row is revoked meanwhile: one of them may be showing the secret that replaces it. */
export function KeyDialogs({ context, row, shown, onClose }: KeyDialogsProps) {
  return (
    <>
      {/* a fresh form each time it opens: what was typed and left is not what the key has */}
      {shown === "edit" && <EditDialog context={context} row={row} open onClose={onClose} />}
      <RotateDialog context={context} row={row} open={shown === "rotate"} onClose={onClose} />
      <RevokeDialog orgSlug={context.orgSlug} row={row} open={shown === "revoke"} onClose={onClose} />
    </>
  );
}
