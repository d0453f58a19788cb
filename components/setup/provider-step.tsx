"use client";

import { useTranslations } from "next-intl";
import { useState } from "react";
import { SecretFields } from "@/components/admin/secret-fields";
import { Choices } from "@/components/setup/choices";
import type { Errors } from "@/components/setup/steps";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { SelectFrom } from "@/components/ui/select";
import type { ProviderKind } from "@/lib/catalog/provider-kinds";

export type SetupKind = Pick<ProviderKind, "id" | "name" | "defaultBaseUrl" | "credential">;

type ProviderStepProps = {
  errors: Errors;
  kinds: readonly SetupKind[];
  choice: string;
  onChoice: (choice: string) => void;
};

/** A provider of one's own, the simulated one, or none yet. */
export function ProviderStep({ errors, kinds, choice, onChoice }: ProviderStepProps) {
  const t = useTranslations("setup");
  return (
    <>
      <Choices
        legend={t("provider")}
        name="provider"
        value={choice}
        onChange={onChoice}
        options={[
          { value: "sandbox", label: t("sandbox"), text: t("sandboxText") },
          { value: "own", label: t("own"), text: t("ownText") },
          { value: "later", label: t("later"), text: t("laterText") },
        ]}
      />
      {/* stays mounted, so that what was typed survives another choice */}
      <div hidden={choice !== "own"} className={choice === "own" ? "flex flex-col gap-5" : undefined}>
        <ConnectionFields errors={errors} kinds={kinds} />
      </div>
    </>
  );
}

function ConnectionFields({ errors, kinds }: Pick<ProviderStepProps, "errors" | "kinds">) {
  const t = useTranslations("setup");
  const [kindId, setKindId] = useState<string>(kinds[0]?.id ?? "");
  const kind = kinds.find(({ id }) => id === kindId);
  return (
    <>
      <Field name="kind" label={t("kind")} error={errors.kind ?? errors.slug}>
        <SelectFrom
          value={kindId}
          onValueChange={setKindId}
          items={kinds.map(({ id, name }) => ({ value: id, label: name }))}
        />
      </Field>
      <Field name="displayName" label={t("displayName")} error={errors.displayName}>
        <Input key={kindId} autoComplete="off" defaultValue={kind?.name} />
      </Field>
      <Field
        name="baseUrl"
        label={t("baseUrl")}
        help={kind?.defaultBaseUrl ? t("baseUrlHelp", { url: kind.defaultBaseUrl }) : undefined}
        error={errors.baseUrl}
      >
        <Input type="url" autoComplete="off" spellCheck={false} placeholder={kind?.defaultBaseUrl ?? undefined} />
      </Field>
      {kind && <SecretFields key={kind.id} shape={kind.credential} problemOf={(name) => errors[name]} />}
    </>
  );
}
