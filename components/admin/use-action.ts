"use client";

import { useLocale, useTranslations } from "next-intl";
import { useCallback, useState } from "react";
import { settled } from "@/components/auth/settled";
import type { ActionError, ActionResult } from "@/lib/auth/action";

type Act<Input, Data> = (input: Input) => Promise<ActionResult<Data>>;

const KINDS = [
  "invalid_request",
  "conflict",
  "forbidden",
  "not_found",
  "unauthenticated",
  "unavailable",
  "outdated",
  "upstream_error",
] as const;

/** Runs a server action: what it refuses becomes texts for the form and its fields. `run` answers undefined when refused. */
export function useAction<Input, Data>(act: Act<Input, Data>) {
  const t = useTranslations("admin.errors");
  const locale = useLocale();
  const [isPending, setPending] = useState(false);
  const [error, setError] = useState<ActionError | null>(null);

  const run = useCallback(
    async (input: Input): Promise<Data | undefined> => {
      setPending(true);
      setError(null);
      const result = await settled(act(input));
      setPending(false);
      if (result?.ok) return result.data;
      if (result) setError(result.error);
      return undefined;
    },
    [act],
  );

  // the server speaks English and says what exactly; other languages get the kind of problem first
  const told = (code: string, message: string) => {
    if (locale === "en" && message) return message;
    const known = KINDS.find((one) => one === code);
    const kind = known ? t(known) : t("other");
    return message ? `${kind} (${message})` : kind;
  };
  const { fields } = error ?? {};
  return {
    run,
    isPending,
    clear: () => setError(null),
    /** What belongs to no field. */
    problem: error && (!fields || error.code !== "invalid_request") ? told(error.code, error.message) : undefined,
    fieldProblem: (name: string) => {
      const message = fields?.[name];
      return message === undefined ? undefined : told("invalid_request", message);
    },
  };
}

/** The action of a dialog. One that is opened again shows nothing of what was refused before. */
export function useActionDialog<Input, Data>(act: Act<Input, Data>) {
  const { clear, ...action } = useAction(act);
  const [isOpen, setOpen] = useState(false);
  const onOpenChange = (open: boolean) => {
    setOpen(open);
    clear();
  };
  return { ...action, isOpen, close: () => setOpen(false), onOpenChange };
}
