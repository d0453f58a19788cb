"use client";

import { useTranslations } from "next-intl";
import { useState } from "react";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { SelectFrom } from "@/components/ui/select";
import type { CredentialShape } from "@/lib/catalog/provider-kinds";

const NAMES = ["apiKey", "accessKeyId", "secretAccessKey", "sessionToken", "region"] as const;
type SecretName = (typeof NAMES)[number];
const SIGNING = ["accessKeyPair", "apiKey"] as const;
type Signing = (typeof SIGNING)[number];

/** The secret that was typed into `SecretFields`; fields left empty are not part of it. */
export function secretOf(data: FormData): Partial<Record<SecretName, string>> {
  const typed = NAMES.map((name) => [name, String(data.get(name) ?? "").trim()] as const);
  return Object.fromEntries(typed.filter(([, value]) => value !== ""));
}

/** The fields of a credential, by what its provider takes. */
export function SecretFields({
  shape,
  problemOf,
}: {
  shape: CredentialShape;
  problemOf: (name: SecretName) => string | undefined;
}) {
  const t = useTranslations("credential");
  const [signing, setSigning] = useState<Signing>("accessKeyPair");
  const secret = (name: SecretName, help?: string) => (
    <Field name={name} label={t(name)} help={help} error={problemOf(name)}>
      <Input type="password" autoComplete="off" spellCheck={false} />
    </Field>
  );
  if (shape === "none") return null;
  if (shape !== "awsOrApiKey") return secret("apiKey", shape === "optionalApiKey" ? t("optional") : t("apiKeyHelp"));
  return (
    <>
      <Field name="signing" label={t("signing")}>
        <SelectFrom
          value={signing}
          onValueChange={setSigning}
          items={SIGNING.map((value) => ({ value, label: t(`signings.${value}`) }))}
        />
      </Field>
      {signing === "apiKey" ? (
        secret("apiKey", t("apiKeyHelp"))
      ) : (
        <>
          <Field name="accessKeyId" label={t("accessKeyId")} error={problemOf("accessKeyId")}>
            <Input autoComplete="off" spellCheck={false} />
          </Field>
          {secret("secretAccessKey", t("apiKeyHelp"))}
          {secret("sessionToken", t("optional"))}
        </>
      )}
      <Field name="region" label={t("region")} help={t("regionHelp")} error={problemOf("region")}>
        <Input autoComplete="off" spellCheck={false} />
      </Field>
    </>
  );
}
