"use client";

import { Combobox } from "@base-ui/react/combobox";
import { Check, ChevronsUpDown } from "lucide-react";
import { useLocale, useTranslations } from "next-intl";
import { popupClassName, popupItemClassName } from "@/components/ui/popup";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";
import type { PlaygroundModel } from "@/lib/playground/schema";
import { cn } from "@/lib/utils";

type ModelPickerProps = {
  models: readonly PlaygroundModel[];
  model: PlaygroundModel;
  onChange: (model: PlaygroundModel) => void;
};

/** Which model answers, with what it costs: found by name or id. */
export function ModelPicker({ models, model, onChange }: ModelPickerProps) {
  const t = useTranslations("playground");
  return (
    <Combobox.Root
      items={models}
      value={model}
      onValueChange={(chosen) => chosen && onChange(chosen)}
      itemToStringLabel={(item: PlaygroundModel) => `${item.id} ${item.name}`}
      isItemEqualToValue={(a: PlaygroundModel, b: PlaygroundModel) => a.id === b.id}
      autoHighlight
    >
      <Combobox.Trigger
        aria-label={t("model.label", { model: model.id })}
        className="flex h-9 min-w-0 items-center justify-between gap-2 rounded-control border border-control-line bg-surface pr-2 pl-3 select-none max-sm:flex-1 sm:w-80 pointer-coarse:min-h-11"
      >
        <span className="min-w-0 truncate font-mono text-sm">{model.id}</span>
        <ChevronsUpDown className="size-4 shrink-0 text-ink-2" strokeWidth={1.5} aria-hidden />
      </Combobox.Trigger>
      <Combobox.Portal>
        <Combobox.Positioner className="z-50 outline-hidden" sideOffset={6} align="start">
          <Combobox.Popup
            aria-label={t("model.choose")}
            className={cn(
              popupClassName,
              "flex w-[min(30rem,calc(100vw-2rem))] max-h-[min(28rem,var(--available-height))] flex-col overflow-hidden p-0",
            )}
          >
            <Combobox.Input
              aria-label={t("model.search")}
              placeholder={t("model.search")}
              className="h-10 shrink-0 border-b bg-transparent px-3 outline-hidden placeholder:text-ink-2 pointer-coarse:min-h-11 pointer-coarse:text-lg"
            />
            <div className="flex shrink-0 items-baseline justify-between gap-4 border-b px-3 py-1.5 text-xs text-ink-2">
              <span>{t("model.name")}</span>
              <span>{t("model.prices")}</span>
            </div>
            <Combobox.Empty className="px-3 py-6 text-ink-2 empty:hidden">{t("model.none")}</Combobox.Empty>
            <Combobox.List className="min-h-0 overflow-y-auto overscroll-contain p-1 empty:hidden">
              {(item: PlaygroundModel) => (
                <Combobox.Item key={item.id} value={item} className={cn(popupItemClassName, "pl-2")}>
                  <span className="size-4 shrink-0">
                    <Combobox.ItemIndicator>
                      <Check strokeWidth={1.5} aria-hidden />
                    </Combobox.ItemIndicator>
                  </span>
                  <span className="min-w-0 flex-1">
                    <span className="block truncate font-mono text-sm">{item.id}</span>
                    {item.name !== item.id && <span className="block truncate text-xs text-ink-2">{item.name}</span>}
                  </span>
                  <Prices model={item} />
                </Combobox.Item>
              )}
            </Combobox.List>
          </Combobox.Popup>
        </Combobox.Positioner>
      </Combobox.Portal>
    </Combobox.Root>
  );
}

/** "$0.25 / $2.00": in and out, per million tokens. */
export function Prices({ model: { inputUsd, outputUsd } }: { model: PlaygroundModel }) {
  const t = useTranslations("playground");
  const locale = useLocale();
  const price = (usd: string | null) => (usd === null ? "—" : formatMoney(parseUsd(usd), locale));
  if (inputUsd === null && outputUsd === null) return <span className="text-sm text-ink-2">{t("model.unpriced")}</span>;
  return (
    <span className="figures shrink-0 font-mono text-sm text-ink-2">
      {price(inputUsd)} / {price(outputUsd)}
    </span>
  );
}
