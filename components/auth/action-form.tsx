"use client";

import { useTranslations } from "next-intl";
import { type FormEvent, type ReactNode, useState } from "react";
import { settled } from "@/components/auth/settled";
import { Button } from "@/components/ui/button";
import { Form, FormActions, FormError } from "@/components/ui/form";
import type { ActionError, ActionResult } from "@/lib/auth/action";

type FieldErrors = Readonly<Record<string, string | undefined>>;

type ActionFormProps<Input, Data> = {
  /** A server action of this scope; bind the organisation's slug first where it takes one. */
  action: (input: Input) => Promise<ActionResult<Data>>;
  /** The action's input from the form's fields. */
  read: (fields: FormData) => Input;
  onDone: (data: Data) => void;
  submit: string;
  variant?: "primary" | "outline";
  /** Fields, given the text of each one's error. */
  children?: (errors: FieldErrors) => ReactNode;
  /** Beside the button. */
  more?: ReactNode;
};

/** A form on a server action: one request at a time, errors at their fields, the rest above the button. */
export function ActionForm<Input, Data>(props: ActionFormProps<Input, Data>) {
  const { action, read, onDone, submit, variant = "primary", children, more } = props;
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ActionError>();
  const explain = useExplain();
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (isBusy) return;
    const form = event.currentTarget;
    setBusy(true);
    setError(undefined);
    const result = await settled(action(read(new FormData(form))));
    if (!result) return; // stays busy until the next page is there
    setBusy(false);
    if (result.ok) return onDone(result.data);
    setError(result.error);
    const first = Object.keys(result.error.fields ?? {})[0];
    const control = first && form.elements.namedItem(first);
    if (control instanceof HTMLElement) control.focus();
  };
  const fields = Object.fromEntries(
    Object.entries(error?.fields ?? {}).map(([name, message]) => [name, explain.field(name, message)]),
  );
  const isElsewhere = error && Object.keys(fields).length === 0;
  return (
    // post: sent before the page's scripts run, a form's fields must not end up in the address
    <Form method="post" onSubmit={onSubmit} aria-busy={isBusy}>
      {children?.(fields)}
      <FormError message={isElsewhere ? explain.error(error) : undefined} />
      <FormActions>
        <Button type="submit" variant={variant} disabled={isBusy} focusableWhenDisabled>
          {submit}
        </Button>
        {more}
      </FormActions>
    </Form>
  );
}

/** Goes where the server said, with a whole page load: another person's pages must not linger in the router. */
export function goTo({ to }: { to: string }): void {
  window.location.assign(to);
}

/** Localised texts for what an action refused. */
export function useExplain() {
  const t = useTranslations("auth");
  return {
    error: ({ code, retryAfterMs }: ActionError) => {
      if (code === "rate_limit_exceeded" && retryAfterMs !== undefined) {
        const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
        return seconds > 90
          ? t("errors.waitMinutes", { count: Math.ceil(seconds / 60) })
          : t("errors.waitSeconds", { count: seconds });
      }
      // safe because only a code with a text of its own is asked for
      const known = code as "other";
      return t.has(`errors.${known}`) ? t(`errors.${known}`) : t("errors.other");
    },
    field: (name: string, message: string) => {
      // safe because only a field with a text of its own is asked for
      const known = name.split(".")[0] as "name";
      return t.has(`fields.${known}`) ? t(`fields.${known}`) : message;
    },
  };
}
