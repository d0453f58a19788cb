"use client";

import { useTranslations } from "next-intl";
import { Checkbox } from "@/components/ui/checkbox";
import { ChoiceField } from "@/components/ui/field";
import type { ModelRow } from "@/lib/catalog/schema";

const CHOICES = {
  input: ["text", "image", "audio", "video", "file"],
  output: ["text", "image", "audio", "video"],
  features: ["tools", "structured_output"],
} as const;
type List = keyof typeof CHOICES;
const LABELS = { input: "capabilityInput", output: "capabilityOutput", features: "capabilityFeatures" } as const;

export type CapabilityDraft = Record<List, string[]>;

export function toCapabilityDraft(capabilities: ModelRow["capabilities"]): CapabilityDraft {
  const list = (name: List): string[] => [...(capabilities?.[name] ?? [])];
  return { input: list("input"), output: list("output"), features: list("features") };
}

/** An empty list is unknown. */
export function toCapabilities(draft: CapabilityDraft): ModelRow["capabilities"] {
  const known = (Object.keys(CHOICES) as List[]).filter((name) => draft[name].length > 0);
  // safe because the boxes offer nothing else
  return known.length === 0 ? null : (Object.fromEntries(known.map((name) => [name, draft[name]])) as never);
}

type Props = { draft: CapabilityDraft; onChange: (draft: CapabilityDraft) => void };

/** What the model takes, gives and can do: requests that need more pass it over. */
export function CapabilityFields({ draft, onChange }: Props) {
  const t = useTranslations("admin.models");
  const toggle = (list: List, name: string, isOn: boolean) =>
    onChange({ ...draft, [list]: isOn ? [...draft[list], name] : draft[list].filter((other) => other !== name) });
  return (
    <fieldset className="min-w-0">
      <legend className="text-lg leading-6 font-semibold">{t("capabilities")}</legend>
      <p className="mb-3 max-w-[68ch] text-ink-2">{t("capabilitiesText")}</p>
      <div className="flex flex-col gap-3">
        {(Object.keys(CHOICES) as List[]).map((list) => (
          <fieldset
            key={list}
            className="grid min-w-0 grid-cols-[repeat(auto-fill,minmax(6.5rem,max-content))] items-center gap-x-6 gap-y-1 sm:flex sm:flex-wrap"
          >
            <legend className="text-ink-2 sm:float-left sm:w-24">{t(LABELS[list])}</legend>
            {CHOICES[list].map((name) => (
              <ChoiceField key={name} name={`${list}-${name}`} label={t(`capabilityNames.${name}`)}>
                <Checkbox
                  checked={draft[list].includes(name)}
                  onCheckedChange={(isOn) => toggle(list, name, isOn === true)}
                />
              </ChoiceField>
            ))}
          </fieldset>
        ))}
      </div>
    </fieldset>
  );
}
