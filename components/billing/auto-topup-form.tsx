"use client";

import { useLocale, useTranslations } from "next-intl";
import { type FormEvent, useRef, useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { randomUuid } from "@/components/ui/random-uuid";
import type { ActionError } from "@/lib/auth/action";
import { turnOffAutoTopup, updateAutoTopup } from "@/lib/billing/actions";
import type { AutoTopup } from "@/lib/billing/schema";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type AutoTopupFormProps = { orgSlug: string; auto: AutoTopup | null; minUsd: string; maxUsd: string };

const FIELDS = ["thresholdUsd", "amountUsd", "dailyCapUsd", "monthlyCapUsd"] as const;
const USUAL = { thresholdUsd: "5", amountUsd: "25", dailyCapUsd: "100", monthlyCapUsd: "500" };

/** When and how much a saved card is charged by itself. Without a saved card, or for another one, it leads to Stripe's page. */
export function AutoTopupForm({ orgSlug, auto, minUsd, maxUsd }: AutoTopupFormProps) {
  const t = useTranslations("billing.auto");
  const locale = useLocale();
  const explain = useExplain();
  const form = useRef<HTMLFormElement>(null);
  // one page of Stripe's per attempt, however often its button is pressed
  const [attempt, setAttempt] = useState("");
  const [error, setError] = useState<ActionError>();
  const [isSaved, setSaved] = useState(false);
  const [busy, start] = useTransition();
  const isOn = auto?.state === "on" || auto?.state === "paused";
  const money = (usd: string) => formatMoney(parseUsd(usd), locale);
  const notes = {
    thresholdUsd: t("fields.thresholdUsd.refused"),
    amountUsd: t("fields.amountUsd.refused", { min: money(minUsd), max: money(maxUsd) }),
    dailyCapUsd: t("fields.dailyCapUsd.refused"),
    monthlyCapUsd: t("fields.monthlyCapUsd.refused"),
  };
  const problem = (refusal: ActionError) => {
    if (refusal.code === "conflict") return t("frozen");
    return refusal.code === "forbidden" ? t("unverified") : explain.error(refusal);
  };
  const save = (isNewCard: boolean) => {
    if (!form.current || busy) return;
    const data = new FormData(form.current);
    const amounts = Object.fromEntries(FIELDS.map((name) => [name, String(data.get(name) ?? "").trim()]));
    start(async () => {
      setError(undefined);
      setSaved(false);
      // safe because every field is read above
      const input = {
        ...(amounts as Record<(typeof FIELDS)[number], string>),
        isNewCard,
        form: attempt || randomUuid(),
      };
      const result = await settled(updateAutoTopup(orgSlug, input));
      if (!result) return;
      // unanswered, the page may be open at Stripe already: the same attempt again leads to it
      setAttempt(!result.ok && result.error.code === "unavailable" ? input.form : "");
      if (!result.ok) return setError(result.error);
      if (result.data.url) return window.location.assign(result.data.url);
      setSaved(true);
    });
  };
  const turnOff = () =>
    start(async () => {
      setError(undefined);
      setSaved(false);
      const result = await settled(turnOffAutoTopup(orgSlug, {}));
      if (result && !result.ok) setError(result.error);
    });
  return (
    <Form
      ref={form}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        save(false);
      }}
      className="max-w-lg"
    >
      <FormError message={error && !error.fields ? problem(error) : undefined} />
      <div className="grid gap-5 sm:grid-cols-2">
        {FIELDS.map((name) => (
          <Field
            key={name}
            name={name}
            label={t(`fields.${name}.label`)}
            error={error?.fields?.[name] === undefined ? undefined : notes[name]}
          >
            <Input inputMode="decimal" autoComplete="off" defaultValue={(auto ?? USUAL)[name]} className="figures" />
          </Field>
        ))}
      </div>
      <p className="text-sm text-ink-2">{t("terms")}</p>
      <FormActions>
        <Button type="submit" disabled={busy}>
          {isOn ? t("save") : t("turnOn")}
        </Button>
        {auto?.card && (
          <Button type="button" variant="outline" disabled={busy} onClick={() => save(true)}>
            {t("otherCard")}
          </Button>
        )}
        {(isOn || auto?.state === "saving") && (
          <Button type="button" variant="quiet" disabled={busy} onClick={turnOff}>
            {t("turnOff")}
          </Button>
        )}
        <span role="status" className="self-center text-sm text-ink-2">
          {isSaved && t("saved")}
        </span>
      </FormActions>
    </Form>
  );
}
