"use client";

import { Plus } from "lucide-react";
import { useLocale, useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { AmountChoice } from "@/components/billing/amount-choice";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { randomUuid } from "@/components/ui/random-uuid";
import type { ActionError } from "@/lib/auth/action";
import { addCredits } from "@/lib/billing/actions";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

export type CreditOffer = { packages: readonly string[]; minUsd: string; maxUsd: string };
/** What the most used model of late cost on average: so many tokens for so much. */
export type CreditPace = { model: string; tokens: number; spentUsd: string };
type AddCreditsProps = {
  orgSlug: string;
  orgName: string;
  offer: CreditOffer;
  pace?: CreditPace | undefined;
  amountUsd?: string;
  label?: string;
};

const CUSTOM = "custom";

/** Choose an amount, then pay on Stripe's page. */
export function AddCredits({ orgSlug, orgName, offer, pace, amountUsd = "25", label }: AddCreditsProps) {
  const t = useTranslations("billing");
  const locale = useLocale();
  const isPackage = offer.packages.includes(amountUsd);
  // one purchase per opened dialog, however often its button is pressed
  const [form, setForm] = useState("");
  const [choice, setChoice] = useState(isPackage ? amountUsd : CUSTOM);
  const [custom, setCustom] = useState(isPackage ? "" : amountUsd);
  const [error, setError] = useState<ActionError>();
  const explain = useExplain();
  const [busy, start] = useTransition();
  const count = new Intl.NumberFormat(locale, { notation: "compact", maximumSignificantDigits: 2 });
  const money = (usd: string) => formatMoney(parseUsd(usd), locale);
  const wanted = choice === CUSTOM ? custom.trim() : choice;
  const isValid = isWithin(wanted, offer);
  const range = t("range", { min: money(offer.minUsd), max: money(offer.maxUsd) });

  const problem = ({ code }: ActionError) => {
    if (code === "rate_limit_exceeded") return t("tooMany");
    if (isLost({ code })) return explain.error({ code, message: "" });
    return code === "forbidden" ? t("unverified") : t("failed", { code });
  };
  const submit = () => {
    if (!isValid) return setError({ code: "invalid_request", message: "", fields: { amountUsd: range } });
    start(async () => {
      setError(undefined);
      const result = await settled(addCredits(orgSlug, { amountUsd: wanted, form }));
      if (!result) return;
      if (result.ok) return window.location.assign(result.data.url);
      setError(result.error);
      // unanswered, it may stand at Stripe already: the same form again leads to the same page
      if (!isLost(result.error)) setForm(randomUuid());
    });
  };
  return (
    <Dialog
      onOpenChange={(open) => {
        if (open) setForm(randomUuid());
        setError(undefined);
      }}
    >
      <DialogTrigger render={<Button variant="primary" />}>
        <Plus strokeWidth={1.5} aria-hidden />
        {label ?? t("add")}
      </DialogTrigger>
      <DialogContent title={t("addTitle")} description={t("addText")}>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) submit();
          }}
        >
          <FormError message={error && !error.fields ? problem(error) : undefined} />
          <AmountChoice
            legend={t("amount")}
            value={choice}
            onChange={setChoice}
            options={[
              ...offer.packages.map((usd) => ({ value: usd, label: money(usd) })),
              { value: CUSTOM, label: t("custom") },
            ]}
          />
          {choice === CUSTOM && (
            <Field name="amountUsd" label={t("customAmount")} help={range} error={error?.fields?.amountUsd && range}>
              <Input
                inputMode="numeric"
                autoComplete="off"
                value={custom}
                onChange={(e) => setCustom(e.target.value)}
              />
            </Field>
          )}
          {pace && isValid && (
            <p className="figures text-sm" aria-live="polite">
              {t("pace", { tokens: count.format(tokensFor(parseUsd(wanted), pace)), model: pace.model })}
            </p>
          )}
          <p className="text-sm text-ink-2">{t("terms")}</p>
          <DialogActions>
            <Button type="submit" variant="primary" disabled={busy}>
              {isValid ? t("submit", { amount: money(wanted), org: orgName }) : t("add")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}

const isLost = ({ code }: Pick<ActionError, "code">) => code === "unavailable" || code === "outdated";

function tokensFor(amountNano: bigint, { tokens, spentUsd }: CreditPace): bigint {
  return (amountNano * BigInt(tokens)) / parseUsd(spentUsd);
}

function isWithin(usd: string, { minUsd, maxUsd }: CreditOffer): boolean {
  if (!/^\d{1,6}$/.test(usd)) return false;
  const amountNano = parseUsd(usd);
  return amountNano >= parseUsd(minUsd) && amountNano <= parseUsd(maxUsd);
}
