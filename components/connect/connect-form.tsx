"use client";

import { useTranslations } from "next-intl";
import { type FormEvent, useState } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { KeyFields } from "@/components/keys/key-fields";
import { keyInputOf } from "@/components/keys/key-input";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { SelectFrom } from "@/components/ui/select";
import type { ActionError } from "@/lib/auth/action";
import { allowConnectAction, denyConnectAction } from "@/lib/connect/actions";

type Props = {
  token: string;
  /** What the program calls itself. */
  app: string;
  orgs: readonly { slug: string; name: string }[];
  first: string;
};

/** The person chooses the organisation and what the key may do, then allows or denies. */
export function ConnectForm({ token, app, orgs, first }: Props) {
  const t = useTranslations("connect");
  const explain = useExplain();
  const [slug, setSlug] = useState(first);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ActionError>();
  const [done, setDone] = useState<"allowed" | "denied">();

  async function decide(decision: "allowed" | "denied", form: FormData) {
    setBusy(true);
    setError(undefined);
    const result = await settled<unknown>(
      decision === "allowed"
        ? allowConnectAction(slug, { token, key: keyInputOf(form) })
        : denyConnectAction(slug, { token }),
    );
    setBusy(false);
    if (!result) return;
    if (result.ok) setDone(decision);
    else setError(result.error);
  }

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (!isBusy) void decide("allowed", new FormData(event.currentTarget));
  }

  if (done) {
    return (
      <p role="status" className="border-l-2 border-positive bg-positive/6 px-3 py-2">
        {t(done, { app })}
      </p>
    );
  }
  const fields = Object.fromEntries(
    Object.entries(error?.fields ?? {}).map(([name, message]) => [name.replace(/^key\./, ""), message]),
  );
  const isOver = error?.code === "not_found";
  return (
    <Form method="post" onSubmit={submit} aria-busy={isBusy}>
      <FormError
        message={error && (isOver ? t("gone") : Object.keys(fields).length > 0 ? undefined : explain.error(error))}
      />
      <Field name="org" label={t("org")} help={t("orgHelp")}>
        <SelectFrom
          value={slug}
          onValueChange={setSlug}
          items={orgs.map((org) => ({ value: org.slug, label: org.name }))}
        />
      </Field>
      <KeyFields values={{ name: app, app }} errors={fields} apps={[]} models={[]} address={null} />
      <FormActions>
        <Button type="submit" variant="primary" disabled={isBusy} focusableWhenDisabled>
          {t("allow")}
        </Button>
        <Button disabled={isBusy} onClick={() => void decide("denied", new FormData())}>
          {t("deny")}
        </Button>
      </FormActions>
    </Form>
  );
}
