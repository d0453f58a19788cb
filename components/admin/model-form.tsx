"use client";

import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { type FormEvent, useState } from "react";
import { CapabilityFields, toCapabilities, toCapabilityDraft } from "@/components/admin/capability-fields";
import { ConfirmDialog } from "@/components/admin/confirm-dialog";
import { fromFallbacks, toFallbacks } from "@/components/admin/fallback-lines";
import { type OfferDraft, OfferFields, toOfferDraft, toTimeouts } from "@/components/admin/offer-fields";
import { type RateDraft, RateFields, toRateDraft, toRates } from "@/components/admin/rate-fields";
import { Usd } from "@/components/admin/usd";
import { useAction } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { ChoiceField, Field } from "@/components/ui/field";
import { FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { SelectFrom } from "@/components/ui/select";
import { Switch } from "@/components/ui/switch";
import { Textarea } from "@/components/ui/textarea";
import { useToast } from "@/components/ui/toast";
import { deleteModelAction, putModelAction } from "@/lib/catalog/admin-actions";
import { EDITED_RATES, previewPrice } from "@/lib/catalog/format";
import type { ModelRow } from "@/lib/catalog/schema";

type Props = {
  /** null: a new one. */
  model: ModelRow | null;
  providers: readonly { slug: string; name: string }[];
  /** Of the first offer of a new model. */
  provider?: string | undefined;
};

const DEFAULT_MARGIN = "20";

/** Offers with their costs, and a price: as a margin on the cost, or of its own. Rates that were not touched keep their version. */
export function ModelForm({ model, providers, provider }: Props) {
  const t = useTranslations("admin.models");
  const router = useRouter();
  const toast = useToast();
  const save = useAction(putModelAction);
  const remove = useAction(deleteModelAction);
  const [enabled, setEnabled] = useState(model?.enabled ?? true);
  const [offers, setOffers] = useState<OfferDraft[]>(
    model ? model.offers.map(toOfferDraft) : [toOfferDraft({ provider: provider ?? providers[0]?.slug ?? "" })],
  );
  const [pricing, setPricing] = useState<"margin" | "price">(
    model && model.marginPercent === null ? "price" : "margin",
  );
  const [margin, setMargin] = useState(model?.marginPercent ?? DEFAULT_MARGIN);
  const [price, setPrice] = useState<RateDraft>(toRateDraft(model?.price ?? null));
  const [capabilities, setCapabilities] = useState(toCapabilityDraft(model?.capabilities ?? null));
  const problem = (name: string) => save.fieldProblem(`model.${name}`) ?? save.fieldProblem(name);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    const count = (name: string) => (text(name) ? Number(text(name)) : null);
    const id = model?.id ?? text("id");
    const ownPrice = pricing === "price" ? toRates(price) : undefined;
    const saved = await save.run({
      id,
      model: {
        type: model?.type ?? "chat",
        displayName: text("displayName") || null,
        contextWindow: count("contextWindow"),
        maxOutputTokens: count("maxOutputTokens"),
        enabled,
        aliases: text("aliases")
          .split(/[\s,]+/)
          .filter(Boolean),
        capabilities: toCapabilities(capabilities),
        fallbacks: toFallbacks(text("fallbacks")),
        offers: offers.map(({ key: _key, cost, priority, weight, timeouts, ...offer }) => ({
          ...offer,
          timeouts: toTimeouts(timeouts),
          priority: Number(priority),
          weight: Number(weight),
          cost: toRates(cost),
        })),
        ...(ownPrice && { price: ownPrice }),
        ...(pricing === "margin" && { marginPercent: margin.trim() }),
      },
    });
    if (!saved) return;
    toast.add({ title: t("savedModel", { id }) });
    router.push(`/admin/models/${id}`);
  }

  const first = offers.find((offer) => offer.enabled);
  return (
    <form onSubmit={submit} noValidate className="flex flex-col gap-8">
      <FormError message={save.problem ?? problem("offers") ?? problem("price")} />
      <div className="grid gap-5 sm:grid-cols-2 lg:max-w-[960px] lg:grid-cols-3">
        <Field name="id" label={t("id")} help={model ? undefined : t("idHelp")} error={save.fieldProblem("id")}>
          <Input
            autoComplete="off"
            spellCheck={false}
            defaultValue={model?.id}
            disabled={model !== null}
            className="font-mono"
          />
        </Field>
        <Field name="displayName" label={t("displayName")} error={problem("displayName")}>
          <Input autoComplete="off" defaultValue={model?.displayName ?? ""} />
        </Field>
        <Field name="aliases" label={t("aliases")} help={t("aliasesHelp")} error={problem("aliases")}>
          <Input autoComplete="off" spellCheck={false} defaultValue={model?.aliases.join(", ")} />
        </Field>
        <Field name="contextWindow" label={t("contextWindow")} error={problem("contextWindow")}>
          <Input type="number" inputMode="numeric" defaultValue={model?.contextWindow ?? ""} className="figures" />
        </Field>
        <Field name="maxOutputTokens" label={t("maxOutput")} error={problem("maxOutputTokens")}>
          <Input type="number" inputMode="numeric" defaultValue={model?.maxOutputTokens ?? ""} className="figures" />
        </Field>
        <ChoiceField name="enabled" label={t("enabled")} help={t("enabledHelp")} className="justify-center">
          <Switch checked={enabled} onCheckedChange={setEnabled} />
        </ChoiceField>
      </div>
      <CapabilityFields draft={capabilities} onChange={setCapabilities} />
      <Field
        name="fallbacks"
        label={t("fallbacks")}
        help={t("fallbacksHelp")}
        error={problem("fallbacks")}
        className="lg:max-w-[960px]"
      >
        <Textarea
          name="fallbacks"
          rows={3}
          spellCheck={false}
          className="font-mono"
          defaultValue={fromFallbacks(model?.fallbacks ?? {})}
        />
      </Field>
      <fieldset className="min-w-0">
        <legend className="text-lg leading-6 font-semibold">{t("offers")}</legend>
        <p className="mb-3 max-w-[68ch] text-ink-2">{t("offersText")}</p>
        <OfferFields offers={offers} onChange={setOffers} providers={providers} problem={problem} />
      </fieldset>
      <fieldset className="min-w-0">
        <legend className="text-lg leading-6 font-semibold">{t("price")}</legend>
        <p className="mb-3 max-w-[68ch] text-ink-2">{t("priceText")}</p>
        <div className="grid gap-5 sm:grid-cols-[minmax(0,240px)_1fr]">
          <Field name="pricing" label={t("pricing")}>
            <SelectFrom
              value={pricing}
              onValueChange={setPricing}
              items={[
                { value: "margin", label: t("byMargin") },
                { value: "price", label: t("byPrice") },
              ]}
            />
          </Field>
          {pricing === "margin" ? (
            <div className="flex flex-wrap items-start gap-x-8 gap-y-4">
              <Field name="marginPercent" label={t("margin")} error={problem("marginPercent")} className="w-40">
                <Input inputMode="decimal" value={margin} onValueChange={setMargin} className="figures text-right" />
              </Field>
              <dl aria-label={t("resulting")} className="figures flex flex-wrap gap-x-8 gap-y-1 pt-1">
                {EDITED_RATES.filter((name) => first?.cost.values[name]).map((name) => (
                  <div key={name}>
                    <dt className="text-sm text-ink-2">{t(`rates.${name}`)}</dt>
                    <dd className="text-lg">
                      <Usd amount={previewPrice(first?.cost.values[name] ?? "", margin)} />
                    </dd>
                  </div>
                ))}
              </dl>
            </div>
          ) : (
            <RateFields name="price" draft={price} onChange={setPrice} problem={(name) => problem(`price.${name}`)} />
          )}
        </div>
      </fieldset>
      <FormActions>
        <Button type="submit" variant="primary" disabled={save.isPending}>
          {t("save")}
        </Button>
        {model && (
          <ConfirmDialog
            trigger={t("delete")}
            title={t("deleteTitle", { id: model.id })}
            text={t("deleteText")}
            confirm={t("delete")}
            problem={remove.problem}
            isPending={remove.isPending}
            onConfirm={async () => {
              const done = await remove.run({ id: model.id });
              if (done) router.push("/admin/models");
              return Boolean(done);
            }}
          />
        )}
      </FormActions>
    </form>
  );
}
