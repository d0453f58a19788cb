"use client";

import { useTranslations } from "next-intl";
import { NO_PARAMETERS, type Parameters } from "@/components/playground/conversation";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Textarea } from "@/components/ui/textarea";

type ParameterFieldsProps = {
  parameters: Parameters;
  maxOutputTokens: number | null;
  onChange: (parameters: Parameters) => void;
};

/** Empty fields are left out of the request, so the model's own defaults apply. */
export function ParameterFields({ parameters, maxOutputTokens, onChange }: ParameterFieldsProps) {
  const t = useTranslations("playground");
  const set = (name: keyof Parameters) => (value: string) => onChange({ ...parameters, [name]: value });
  const numbers = [
    { name: "temperature", label: t("parameters.temperature"), max: 2, step: 0.1 },
    { name: "topP", label: t("parameters.topP"), max: 1, step: 0.05 },
    { name: "maxTokens", label: t("parameters.maxTokens"), max: maxOutputTokens ?? undefined, step: 1 },
  ] as const;
  return (
    <div className="flex flex-col gap-5">
      <Field name="system" label={t("parameters.system")}>
        <Textarea
          rows={5}
          value={parameters.system}
          placeholder={t("parameters.systemExample")}
          onChange={(event) => set("system")(event.target.value)}
        />
      </Field>
      {numbers.map(({ name, label, max, step }) => (
        <Field key={name} name={name} label={label}>
          <Input
            type="number"
            inputMode="decimal"
            className="figures"
            min={name === "maxTokens" ? 1 : 0}
            max={max}
            step={step}
            value={parameters[name]}
            placeholder={t("parameters.default")}
            onChange={(event) => set(name)(event.target.value)}
          />
        </Field>
      ))}
      <Button
        variant="quiet"
        size="small"
        className="-ml-2.5 self-start"
        disabled={Object.values(parameters).every((value) => value === "")}
        onClick={() => onChange(NO_PARAMETERS)}
      >
        {t("parameters.reset")}
      </Button>
    </div>
  );
}
