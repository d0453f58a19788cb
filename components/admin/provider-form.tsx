"use client";

import Link from "next/link";
import { useTranslations } from "next-intl";
import { type FormEvent, useState } from "react";
import { CredentialTestResult } from "@/components/admin/credential-test";
import { SecretFields, secretOf } from "@/components/admin/secret-fields";
import { useAction } from "@/components/admin/use-action";
import { Button, buttonVariants } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { randomUuid } from "@/components/ui/random-uuid";
import { SelectFrom } from "@/components/ui/select";
import {
  createCredentialAction,
  createProviderAction,
  testCredentialAction,
  updateProviderAction,
} from "@/lib/catalog/admin-actions";
import type { CredentialShape } from "@/lib/catalog/provider-kinds";
import type { CredentialTest } from "@/lib/catalog/schema";

export type KindChoice = {
  id: string;
  name: string;
  defaultBaseUrl: string | null;
  needsBaseUrl: boolean;
  credential: CredentialShape;
};

/** Adds a provider with its first credential, then tests it through the worker. A step that is done is not repeated when a
 *  later one is refused. */
export function ProviderForm({ kinds }: { kinds: readonly KindChoice[] }) {
  const t = useTranslations("admin.providers");
  const [kindId, setKindId] = useState(kinds[0]?.id ?? "");
  const [savedSlug, setSavedSlug] = useState<string | null>(null);
  const [isKeyless, setKeyless] = useState(false);
  const [tested, setTested] = useState<{ id: string; result: CredentialTest | null } | null>(null);
  const [form] = useState(randomUuid);
  const create = useAction(createProviderAction);
  const update = useAction(updateProviderAction);
  const seal = useAction(createCredentialAction);
  const test = useAction(testCredentialAction);
  const kind = kinds.find(({ id }) => id === kindId);
  const takesNone = kind?.credential === "none";
  const isBusy = create.isPending || update.isPending || seal.isPending || test.isPending;

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (isBusy || !kind) return;
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    const slug = savedSlug ?? text("slug");
    const baseUrl = text("baseUrl") || null;
    const displayName = text("displayName") || undefined;
    const saved = savedSlug
      ? await update.run({ slug, patch: { baseUrl, displayName } })
      : await create.run({ slug, kind: kind.id as "openai", baseUrl, displayName });
    if (!saved) return;
    setSavedSlug(slug);
    const secret = secretOf(data);
    const isWithout = takesNone || (kind.credential === "optionalApiKey" && !secret.apiKey);
    setKeyless(isWithout);
    if (isWithout) return;
    const credential = await seal.run({ slug, credential: { name: text("name"), ...secret }, form });
    if (!credential) return;
    setTested({ id: credential.id, result: null });
    setTested({ id: credential.id, result: (await test.run({ id: credential.id })) ?? null });
  }

  const isDone = savedSlug !== null && (tested !== null || isKeyless);
  if (isDone && !seal.problem) {
    return (
      <div className="flex max-w-[480px] flex-col gap-5">
        <p role="status">{t("saved", { slug: savedSlug })}</p>
        {tested && <CredentialTestResult isRunning={test.isPending} result={tested.result} problem={test.problem} />}
        <FormActions>
          {!takesNone && (
            <Link href={`/admin/providers/${savedSlug}/models`} className={buttonVariants({ variant: "primary" })}>
              {t("chooseModels")}
            </Link>
          )}
          <Link href={`/admin/models/new?provider=${savedSlug}`} className={buttonVariants()}>
            {t("addModel")}
          </Link>
          <Link href={`/admin/providers/${savedSlug}`} className={buttonVariants()}>
            {t("open")}
          </Link>
        </FormActions>
      </div>
    );
  }
  return (
    <Form onSubmit={submit}>
      <FormError message={create.problem ?? update.problem ?? seal.problem} />
      <Field
        name="kind"
        label={t("kind")}
        help={kind?.id === "sandbox" ? t("simulated") : undefined}
        error={create.fieldProblem("kind")}
      >
        <SelectFrom
          value={kindId}
          onValueChange={setKindId}
          items={kinds.map(({ id, name }) => ({ value: id, label: name }))}
          disabled={savedSlug !== null}
        />
      </Field>
      <Field name="slug" label={t("slug")} help={t("slugHelp")} error={create.fieldProblem("slug")}>
        <Input autoComplete="off" spellCheck={false} defaultValue="" disabled={savedSlug !== null} required />
      </Field>
      <Field
        name="displayName"
        label={t("displayName")}
        help={t("optional")}
        error={create.fieldProblem("displayName")}
      >
        <Input autoComplete="off" />
      </Field>
      {kind && !takesNone && (
        <>
          <Field
            name="baseUrl"
            label={t("baseUrl")}
            help={kind.needsBaseUrl ? t("baseUrlNeeded") : t("baseUrlHelp", { url: kind.defaultBaseUrl ?? "" })}
            error={
              create.fieldProblem("baseUrl") ?? update.fieldProblem("patch.baseUrl") ?? update.fieldProblem("baseUrl")
            }
          >
            <Input type="url" autoComplete="off" spellCheck={false} placeholder={kind.defaultBaseUrl ?? undefined} />
          </Field>
          <Field
            name="name"
            label={t("credentialName")}
            error={seal.fieldProblem("credential.name") ?? seal.fieldProblem("name")}
          >
            <Input autoComplete="off" defaultValue="default" />
          </Field>
          <SecretFields
            key={kind.id}
            shape={kind.credential}
            problemOf={(name) => seal.fieldProblem(`credential.${name}`) ?? seal.fieldProblem(name)}
          />
        </>
      )}
      <FormActions>
        <Button type="submit" variant="primary" disabled={isBusy}>
          {takesNone ? t("add") : t("addAndTest")}
        </Button>
      </FormActions>
    </Form>
  );
}
