"use client";

import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import type { KeyContext, ListedKey } from "@/components/keys/listed-key";
import { NewKey } from "@/components/keys/new-key";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { randomUuid } from "@/components/ui/random-uuid";
import { SelectFrom } from "@/components/ui/select";
import { rotateKeyAction } from "@/lib/keys/actions";
import type { CreatedKey } from "@/lib/keys/schema";

const OVERLAPS = ["0", "1", "24", "168"] as const;
type Overlap = (typeof OVERLAPS)[number];

type RotateDialogProps = { context: KeyContext; row: ListedKey; open: boolean; onClose: () => void };

export function RotateDialog({ context, row, open, onClose }: RotateDialogProps) {
  const t = useTranslations("keys");
  const [overlap, setOverlap] = useState<Overlap>("24");
  const [created, setCreated] = useState<CreatedKey>();
  const [message, setMessage] = useState<string>();
  // one rotation per opened dialog: sent again after a lost answer, it must not end the secret in use
  const [form, setForm] = useState(randomUuid);
  const explain = useExplain();
  const [busy, start] = useTransition();
  const [openedAt] = useState(() => Date.now());
  const items = OVERLAPS.map((value) => ({ value, label: t(`overlaps.${value}`) }));
  const rotate = () =>
    start(async () => {
      // safe because OVERLAPS are the hours of the schema
      const overlapHours = Number(overlap) as 0 | 1 | 24 | 168;
      setMessage(undefined);
      const result = await settled(rotateKeyAction(context.orgSlug, { id: row.id, overlapHours, form }));
      if (result?.ok) setCreated(result.data);
      else if (result) setMessage(explain.error(result.error));
    });
  const router = useRouter();
  const close = () => {
    if (created) router.refresh();
    onClose();
  };
  // only once it is out of sight: a dialog whose content is exchanged while it closes stays open
  const forget = () => {
    setCreated(undefined);
    setMessage(undefined);
    setForm(randomUuid());
  };
  if (created) {
    return (
      <Dialog
        open={open}
        onOpenChange={(next) => next || close()}
        onOpenChangeComplete={(isOpen) => isOpen || forget()}
        disablePointerDismissal
      >
        <DialogContent title={t("onceTitle")} description={t("onceText")} className="sm:max-w-2xl">
          <NewKey context={context} created={created} onDone={close} />
        </DialogContent>
      </Dialog>
    );
  }
  return (
    <Dialog open={open} onOpenChange={(next) => next || close()}>
      <DialogContent title={t("rotateTitle", { name: row.name })} description={t("rotateText")}>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) rotate();
          }}
        >
          <FormError message={message} />
          {row.previous && Date.parse(row.previous.expiresAt) > openedAt && (
            <p className="border-l-2 border-warning bg-warning/6 px-3 py-2">
              {t("rotateEnds", { secret: `${row.prefix}…${row.previous.last4}` })}
            </p>
          )}
          <Field name="overlapHours" label={t("overlap")}>
            <SelectFrom items={items} value={overlap} onValueChange={setOverlap} />
          </Field>
          <DialogActions>
            <Button type="submit" variant="primary" disabled={busy}>
              {t("rotate")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
