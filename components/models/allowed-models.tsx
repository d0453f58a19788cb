"use client";

import { useTranslations } from "next-intl";
import { useState } from "react";
import { Field } from "@/components/ui/field";
import { Textarea } from "@/components/ui/textarea";
import { type ListedModel, listedOf, readPatterns } from "@/lib/model-patterns";

/** Of a long list, the first few names tell enough. */
const NAMED = 6;

type AllowedModelsFieldProps = {
  label: string;
  values: readonly string[];
  /** The models there are to choose from; empty: not known here. */
  models: readonly ListedModel[];
  error: string | undefined;
};

/** Names and patterns of models, one per line, with what they allow at the moment. */
export function AllowedModelsField({ label, values, models, error }: AllowedModelsFieldProps) {
  const t = useTranslations("models.allowed");
  const [text, setText] = useState(values.join("\n"));
  return (
    <div className="flex flex-col gap-1.5">
      <Field name="allowedModels" label={label} help={t("help")} error={error}>
        <Textarea
          name="allowedModels"
          value={text}
          onChange={(event) => setText(event.target.value)}
          rows={2}
          className="min-h-16 font-mono text-sm"
          spellCheck={false}
        />
      </Field>
      <div aria-live="polite">
        <AllowedModels patterns={readPatterns(text)} models={models} />
      </div>
    </div>
  );
}

/** What a list of names and patterns allows of the models there are. */
export function AllowedModels({ patterns, models }: { patterns: readonly string[]; models: readonly ListedModel[] }) {
  const t = useTranslations("models.allowed");
  if (models.length === 0) return null;
  const { allowed, idle } = listedOf(patterns, models);
  const more = allowed.length - NAMED;
  return (
    <p className="text-sm wrap-anywhere text-ink-2">
      {t("count", { allowed: allowed.length, total: models.length })}
      {patterns.length > 0 && allowed.length > 0 && (
        <>
          {" "}
          <code className="font-mono">
            {allowed
              .slice(0, NAMED)
              .map(({ id }) => id)
              .join(", ")}
          </code>
          {more > 0 && ` ${t("more", { count: more })}`}
        </>
      )}
      {idle.length > 0 && <span className="block text-warning">{t("idle", { patterns: idle.join(", ") })}</span>}
    </p>
  );
}
