"use client";

import { useTranslations } from "next-intl";
import { type RateDraft, RateFields, toRateDraft } from "@/components/admin/rate-fields";
import { Button } from "@/components/ui/button";
import { ChoiceField, Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { randomUuid } from "@/components/ui/random-uuid";
import { SelectFrom } from "@/components/ui/select";
import { Switch } from "@/components/ui/switch";
import type { ModelRow } from "@/lib/catalog/schema";

type Offer = ModelRow["offers"][number];
export type OfferDraft = {
  key: string;
  provider: string;
  upstreamModel: string;
  priority: string;
  weight: string;
  enabled: boolean;
  locked: boolean;
  cost: RateDraft;
  /** In ms, as typed; empty: what holds for all. */
  timeouts: Record<TimeoutName, string>;
  /** Kept as they are: the admin API changes them. */
  contextWindow: Offer["contextWindow"];
  capabilities: Offer["capabilities"];
};

const TIMEOUTS = ["connectMs", "firstByteMs", "idleMs", "totalMs"] as const;
type TimeoutName = (typeof TIMEOUTS)[number];

/** Null where none differs. */
export function toTimeouts(draft: OfferDraft["timeouts"]): Offer["timeouts"] {
  const given = TIMEOUTS.filter((name) => draft[name].trim() !== "");
  return given.length === 0 ? null : Object.fromEntries(given.map((name) => [name, Number(draft[name])]));
}

export function toOfferDraft(offer: Partial<Offer> & { provider: string }): OfferDraft {
  const { id, provider, upstreamModel = "", priority = 0, weight = 100, enabled = true, cost = null } = offer;
  const { locked = false, timeouts = null, contextWindow = null, capabilities = null } = offer;
  const typed = (name: TimeoutName) => String(timeouts?.[name] ?? "");
  return {
    key: id ?? randomUuid(),
    provider,
    upstreamModel,
    priority: String(priority),
    weight: String(weight),
    enabled,
    locked,
    cost: toRateDraft(cost),
    timeouts: {
      ...{ connectMs: typed("connectMs"), firstByteMs: typed("firstByteMs") },
      ...{ idleMs: typed("idleMs"), totalMs: typed("totalMs") },
    },
    contextWindow,
    capabilities,
  };
}

type Props = {
  offers: OfferDraft[];
  onChange: (offers: OfferDraft[]) => void;
  providers: readonly { slug: string; name: string }[];
  problem: (field: string) => string | undefined;
};

/** Who serves the model, in which order, and what it costs there. */
export function OfferFields({ offers, onChange, providers, problem }: Props) {
  const t = useTranslations("admin.models");
  const change = (key: string, part: Partial<OfferDraft>) =>
    onChange(offers.map((offer) => (offer.key === key ? { ...offer, ...part } : offer)));
  return (
    <div className="flex flex-col">
      {offers.map((offer, index) => (
        <fieldset
          key={offer.key}
          aria-label={t("offerOf", { number: index + 1 })}
          className="flex min-w-0 flex-col gap-4 border-t py-5"
        >
          <div className="grid grid-cols-2 gap-3 sm:grid-cols-[minmax(0,1fr)_minmax(0,2fr)_96px_96px]">
            <Field name={`offer-${index}-provider`} label={t("provider")} error={problem(`offers.${index}.provider`)}>
              <SelectFrom
                value={offer.provider}
                onValueChange={(value) => change(offer.key, { provider: value })}
                items={providers.map(({ slug, name }) => ({ value: slug, label: name }))}
              />
            </Field>
            <Field
              name={`offer-${index}-model`}
              label={t("upstreamModel")}
              error={problem(`offers.${index}.upstreamModel`)}
            >
              <Input
                autoComplete="off"
                spellCheck={false}
                className="font-mono"
                value={offer.upstreamModel}
                onValueChange={(upstreamModel) => change(offer.key, { upstreamModel })}
              />
            </Field>
            <Field name={`offer-${index}-priority`} label={t("priority")} error={problem(`offers.${index}.priority`)}>
              <Input
                type="number"
                className="figures"
                value={offer.priority}
                onValueChange={(priority) => change(offer.key, { priority })}
              />
            </Field>
            <Field name={`offer-${index}-weight`} label={t("weight")} error={problem(`offers.${index}.weight`)}>
              <Input
                type="number"
                className="figures"
                value={offer.weight}
                onValueChange={(weight) => change(offer.key, { weight })}
              />
            </Field>
          </div>
          <div>
            <p className="mb-2 font-medium">{t("cost")}</p>
            <RateFields
              name={`offer-${index}`}
              draft={offer.cost}
              onChange={(cost) => change(offer.key, { cost })}
              problem={(rate) => problem(`offers.${index}.cost.${rate}`)}
            />
          </div>
          <div>
            <p className="mb-2 font-medium">{t("timeouts")}</p>
            <div className="grid grid-cols-2 gap-3 sm:grid-cols-4">
              {TIMEOUTS.map((name) => (
                <Field
                  key={name}
                  name={`offer-${index}-${name}`}
                  label={t(name)}
                  error={problem(`offers.${index}.timeouts.${name}`)}
                >
                  <Input
                    type="number"
                    inputMode="numeric"
                    className="figures"
                    value={offer.timeouts[name]}
                    onValueChange={(value) => change(offer.key, { timeouts: { ...offer.timeouts, [name]: value } })}
                  />
                </Field>
              ))}
            </div>
          </div>
          <div className="flex flex-wrap items-center justify-between gap-3">
            <div className="flex flex-wrap gap-x-8 gap-y-3">
              <ChoiceField name={`offer-${index}-enabled`} label={t("offerEnabled")}>
                <Switch checked={offer.enabled} onCheckedChange={(enabled) => change(offer.key, { enabled })} />
              </ChoiceField>
              <ChoiceField name={`offer-${index}-locked`} label={t("offerLocked")}>
                <Switch checked={offer.locked} onCheckedChange={(locked) => change(offer.key, { locked })} />
              </ChoiceField>
            </div>
            <Button size="small" onClick={() => onChange(offers.filter(({ key }) => key !== offer.key))}>
              {t("removeOffer")}
            </Button>
          </div>
        </fieldset>
      ))}
      <div className="border-t pt-4">
        <Button
          size="small"
          disabled={providers.length === 0}
          onClick={() => onChange([...offers, toOfferDraft({ provider: providers[0]?.slug ?? "" })])}
        >
          {t("addOffer")}
        </Button>
      </div>
    </div>
  );
}
