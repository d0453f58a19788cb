"use client";

import { useTranslations } from "next-intl";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { EDITED_RATES, type EditedRate } from "@/lib/catalog/format";
import type { WrittenRates } from "@/lib/catalog/rates";

/** Rates as they are typed, and what they were: tiers and tools are not edited here and stay. */
export type RateDraft = { values: Partial<Record<EditedRate, string>>; was: WrittenRates | null };

export function toRateDraft(rates: WrittenRates | null): RateDraft {
  const values = Object.fromEntries(
    EDITED_RATES.flatMap((name) => (rates?.[name] === undefined ? [] : [[name, rates[name]]])),
  );
  return { values, was: rates };
}

/** What to send: nothing when nothing was changed, so that the version in force stays. */
export function toRates({ values, was }: RateDraft): WrittenRates | undefined {
  const typed = (name: EditedRate) => values[name]?.trim() || undefined;
  if (EDITED_RATES.every((name) => typed(name) === was?.[name])) return undefined;
  const edited = Object.fromEntries(EDITED_RATES.map((name) => [name, typed(name)]));
  return { ...was, ...edited };
}

type Props = {
  /** Keeps names of inputs apart. */
  name: string;
  draft: RateDraft;
  onChange: (draft: RateDraft) => void;
  problem: (rate: EditedRate) => string | undefined;
};

/** One field per class; the unit stands in the label. */
export function RateFields({ name, draft, onChange, problem }: Props) {
  const t = useTranslations("admin.models");
  return (
    <div className="grid grid-cols-2 gap-3 sm:grid-cols-4">
      {EDITED_RATES.map((rate) => (
        <Field key={rate} name={`${name}.${rate}`} label={t(`rates.${rate}`)} error={problem(rate)}>
          <Input
            inputMode="decimal"
            autoComplete="off"
            value={draft.values[rate] ?? ""}
            onValueChange={(value) => onChange({ ...draft, values: { ...draft.values, [rate]: value } })}
            className="figures text-right"
          />
        </Field>
      ))}
    </div>
  );
}
