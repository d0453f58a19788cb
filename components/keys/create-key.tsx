"use client";

import { Plus } from "lucide-react";
import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { KeyFields } from "@/components/keys/key-fields";
import { NewKey } from "@/components/keys/new-key";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Form, FormActions, FormError } from "@/components/ui/form";
import type { ActionError } from "@/lib/auth/action";
import { createKeyAction } from "@/lib/keys/actions";
import type { CreatedKey } from "@/lib/keys/schema";

type CreateKeyProps = { orgSlug: string; baseUrl: string; model: string | null; isFirst: boolean };

/** The dialog stays until the key has been copied or the person says so: it cannot be shown again. */
export function CreateKey({ orgSlug, baseUrl, model, isFirst }: CreateKeyProps) {
  const t = useTranslations("keys");
  const [open, setOpen] = useState(false);
  const [created, setCreated] = useState<CreatedKey>();
  const [error, setError] = useState<ActionError>();
  const [busy, start] = useTransition();
  const router = useRouter();
  const close = () => {
    if (created) router.refresh();
    setOpen(false);
  };
  // only once it is out of sight: a dialog whose content is exchanged while it closes stays open
  const forget = () => {
    setCreated(undefined);
    setError(undefined);
  };
  const submit = (form: FormData) => {
    const text = (name: string) => String(form.get(name) ?? "").trim();
    if (!text("name")) return setError({ code: "invalid_request", message: "", fields: { name: t("required") } });
    start(async () => {
      const result = await createKeyAction(orgSlug, inputOf(text));
      if (result.ok) {
        setError(undefined);
        setCreated(result.data);
      } else setError(result.error);
    });
  };
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => (next ? setOpen(true) : close())}
      onOpenChangeComplete={(isOpen) => isOpen || forget()}
      // a stray click beside the dialog must not lose the key
      disablePointerDismissal={created !== undefined}
    >
      <DialogTrigger render={<Button variant="primary" />}>
        <Plus strokeWidth={1.5} aria-hidden />
        {t("create")}
      </DialogTrigger>
      {created ? (
        <DialogContent key="created" title={t("onceTitle")} description={t("onceText")} className="sm:max-w-2xl">
          <NewKey orgSlug={orgSlug} created={created} baseUrl={baseUrl} model={model} onDone={close} />
        </DialogContent>
      ) : (
        <DialogContent key="form" title={t("createTitle")}>
          <Form
            onSubmit={(event) => {
              event.preventDefault();
              if (!busy) submit(new FormData(event.currentTarget));
            }}
          >
            <FormError message={error && !error.fields ? t("failed", { message: error.message }) : undefined} />
            <KeyFields name={isFirst ? t("nameDefault") : ""} errors={error?.fields ?? {}} />
            <FormActions>
              <Button type="submit" variant="primary" disabled={busy}>
                {t("create")}
              </Button>
              <DialogClose render={<Button variant="quiet" />}>{t("cancel")}</DialogClose>
            </FormActions>
          </Form>
        </DialogContent>
      )}
    </Dialog>
  );
}

/** Empty fields are absent. Numbers that are not numbers travel as NaN and are refused with the field's name. */
function inputOf(text: (name: string) => string) {
  const whole = (name: string) => (text(name) ? Number(text(name)) : undefined);
  const budget = text("budgetUsd");
  return {
    name: text("name"),
    // safe because the select offers only these
    ...(budget && {
      budgetUsd: budget,
      budgetPeriod: (text("budgetPeriod") || "month") as "day" | "week" | "month" | "total",
    }),
    rpm: whole("rpm"),
    tpm: whole("tpm"),
    maxConcurrency: whole("maxConcurrency"),
    allowedModels: text("allowedModels").split(/\s+/).filter(Boolean),
    ...(text("expiresAt") && { expiresAt: text("expiresAt") }),
  };
}
