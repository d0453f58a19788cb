"use client";

import { Plus } from "lucide-react";
import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { KeyFields } from "@/components/keys/key-fields";
import { keyInputOf } from "@/components/keys/key-input";
import type { KeyContext } from "@/components/keys/listed-key";
import { NewKey } from "@/components/keys/new-key";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Form, FormError } from "@/components/ui/form";
import { randomUuid } from "@/components/ui/random-uuid";
import type { ActionError } from "@/lib/auth/action";
import { createKeyAction } from "@/lib/keys/actions";
import type { CreatedKey } from "@/lib/keys/schema";

type CreateKeyProps = {
  context: KeyContext;
  isFirst: boolean;
  /** Of the way to the first call: open from the start, and back to the overview with the key. */
  isStep: boolean;
};

/** The dialog stays until the key has been copied or the person says so: it cannot be shown again. */
export function CreateKey({ context, isFirst, isStep }: CreateKeyProps) {
  const t = useTranslations("keys");
  const [open, setOpen] = useState(isStep);
  const [created, setCreated] = useState<CreatedKey>();
  const [error, setError] = useState<ActionError>();
  // one key per opened dialog, however often its button is pressed
  const [form, setForm] = useState(randomUuid);
  const explain = useExplain();
  const [busy, start] = useTransition();
  const router = useRouter();
  const close = () => {
    setOpen(false);
    if (created && isStep) router.push(`/${context.orgSlug}`);
    else if (created) router.refresh();
  };
  // only once it is out of sight: a dialog whose content is exchanged while it closes stays open
  const forget = () => {
    setCreated(undefined);
    setError(undefined);
    setForm(randomUuid());
  };
  const submit = (fields: FormData) => {
    const input = keyInputOf(fields);
    if (!input.name) return setError({ code: "invalid_request", message: "", fields: { name: t("required") } });
    start(async () => {
      setError(undefined);
      const result = await settled(createKeyAction(context.orgSlug, { ...input, form }));
      if (result?.ok) setCreated(result.data);
      else if (result) setError(result.error);
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
          <NewKey context={context} created={created} onDone={close} />
        </DialogContent>
      ) : (
        <DialogContent key="form" title={t("createTitle")}>
          <Form
            onSubmit={(event) => {
              event.preventDefault();
              if (!busy) submit(new FormData(event.currentTarget));
            }}
          >
            <FormError message={error && !error.fields ? explain.error(error) : undefined} />
            <KeyFields
              values={{ name: isFirst ? t("nameDefault") : "", dailyCapUsd: context.dailyCapUsd }}
              errors={error?.fields ?? {}}
              apps={context.apps}
              models={context.models}
              address={context.address}
            />
            <DialogActions>
              <Button type="submit" variant="primary" disabled={busy}>
                {t("create")}
              </Button>
            </DialogActions>
          </Form>
        </DialogContent>
      )}
    </Dialog>
  );
}
