"use client";

import { useTranslations } from "next-intl";
import type { FormEvent } from "react";
import { useActionDialog } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { deleteCredentialAction } from "@/lib/catalog/admin-actions";

const MODELS_SHOWN = 3;

type Props = {
  id: string;
  name: string;
  /** Served models that would lose their last route; its name must be typed then. */
  lastRouteOf: readonly string[];
};

export function DeleteCredential({ id, name, lastRouteOf }: Props) {
  const t = useTranslations("admin");
  const { isOpen, onOpenChange, close, run, isPending, problem } = useActionDialog(deleteCredentialAction);
  const isLast = lastRouteOf.length > 0;
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const typed = String(new FormData(event.currentTarget).get("typed") ?? "");
    if (await run({ id, typed })) close();
  }
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogTrigger render={<Button variant="danger" />}>{t("providers.delete")}</DialogTrigger>
      <DialogContent
        title={t("providers.deleteCredential", { name })}
        description={
          isLast
            ? t("providers.deleteLastRoute", {
                models: lastRouteOf.slice(0, MODELS_SHOWN).join(", "),
                count: lastRouteOf.length,
              })
            : t("providers.deleteCredentialText")
        }
      >
        <Form onSubmit={submit}>
          <FormError message={problem} />
          {isLast && (
            <Field name="typed" label={t("providers.typeName", { name })}>
              <Input autoComplete="off" spellCheck={false} />
            </Field>
          )}
          <DialogActions>
            <Button type="submit" variant="danger" disabled={isPending}>
              {t("providers.delete")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
