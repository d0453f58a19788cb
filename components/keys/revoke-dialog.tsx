"use client";

import { useRouter } from "next/navigation";
import { useFormatter, useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import type { ListedKey } from "@/components/keys/listed-key";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { useToast } from "@/components/ui/toast";
import { revokeKeyAction } from "@/lib/keys/actions";

type RevokeDialogProps = { orgSlug: string; row: ListedKey; open: boolean; onClose: () => void };

/** Cannot be undone, so the last four characters of the key are typed. */
export function RevokeDialog({ orgSlug, row, open, onClose }: RevokeDialogProps) {
  const t = useTranslations("keys");
  const toast = useToast();
  const router = useRouter();
  const [typed, setTyped] = useState("");
  const [message, setMessage] = useState<string>();
  const explain = useExplain();
  const [busy, start] = useTransition();
  const format = useFormatter();
  const who =
    row.addresses > 0
      ? t("revokeAddresses", { count: row.addresses })
      : row.lastUsedAt
        ? t("revokeLastUsed", { date: format.dateTime(new Date(row.lastUsedAt), { dateStyle: "medium" }) })
        : t("revokeNotUsed");
  const revoke = () =>
    start(async () => {
      setMessage(undefined);
      const result = await settled(revokeKeyAction(orgSlug, { id: row.id }));
      if (!result?.ok) return setMessage(result ? explain.error(result.error) : undefined);
      onClose();
      router.refresh();
      toast.add({ title: t("revoked", { name: row.name }) });
    });
  return (
    <Dialog open={open} onOpenChange={(next) => next || onClose()}>
      <DialogContent title={t("revokeTitle", { name: row.name })} description={`${who} ${t("revokeText")}`}>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            if (typed === row.last4 && !busy) revoke();
          }}
        >
          <FormError message={message} />
          <Field name="confirm" label={t("revokeType", { word: row.last4 })}>
            <Input value={typed} onValueChange={setTyped} autoComplete="off" className="font-mono" />
          </Field>
          <DialogActions>
            <Button type="submit" variant="danger" disabled={typed !== row.last4 || busy}>
              {t("revoke")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
