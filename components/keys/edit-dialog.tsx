"use client";

import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { KeyFields } from "@/components/keys/key-fields";
import { keyInputOf } from "@/components/keys/key-input";
import type { KeyContext, ListedKey } from "@/components/keys/listed-key";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent } from "@/components/ui/dialog";
import { Form, FormError } from "@/components/ui/form";
import { useToast } from "@/components/ui/toast";
import type { ActionError } from "@/lib/auth/action";
import { updateKeyAction } from "@/lib/keys/actions";

type EditDialogProps = { context: KeyContext; row: ListedKey; open: boolean; onClose: () => void };

export function EditDialog({ context, row, open, onClose }: EditDialogProps) {
  const t = useTranslations("keys");
  const toast = useToast();
  const router = useRouter();
  const [error, setError] = useState<ActionError>();
  const explain = useExplain();
  const [busy, start] = useTransition();
  const save = (form: FormData) => {
    const input = keyInputOf(form, row.expiresAt);
    if (!input.name) return setError({ code: "invalid_request", message: "", fields: { name: t("required") } });
    start(async () => {
      setError(undefined);
      const result = await settled(updateKeyAction(context.orgSlug, { id: row.id, ...input }));
      if (!result?.ok) return setError(result?.error);
      onClose();
      router.refresh();
      toast.add({ title: t("savedKey", { name: input.name }) });
    });
  };
  return (
    <Dialog open={open} onOpenChange={(next) => next || onClose()}>
      <DialogContent title={t("editTitle", { name: row.name })} description={t("editText")}>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) save(new FormData(event.currentTarget));
          }}
        >
          <FormError message={error && !error.fields ? explain.error(error) : undefined} />
          <KeyFields
            values={row}
            errors={error?.fields ?? {}}
            apps={context.apps}
            models={context.models}
            address={context.address}
          />
          <DialogActions>
            <Button type="submit" variant="primary" disabled={busy}>
              {t("saveChanges")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
