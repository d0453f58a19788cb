"use client";

import { useTranslations } from "next-intl";
import { type FormEvent, useState } from "react";
import { ConfirmDialog } from "@/components/admin/confirm-dialog";
import { CredentialTestResult } from "@/components/admin/credential-test";
import { Moment } from "@/components/admin/moment";
import { SecretFields, secretOf } from "@/components/admin/secret-fields";
import { useAction } from "@/components/admin/use-action";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { ChoiceField, Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { Switch } from "@/components/ui/switch";
import {
  createCredentialAction,
  deleteCredentialAction,
  testCredentialAction,
  updateCredentialAction,
} from "@/lib/catalog/admin-actions";
import type { CredentialShape } from "@/lib/catalog/provider-kinds";
import type { CredentialRow, CredentialTest } from "@/lib/catalog/schema";

const VARIANT = { active: "positive", needs_secret: "warning", disabled: "neutral", verifying: "neutral" } as const;

/** One credential with everything that can be done to it. The secret can be replaced, never read. */
export function Credential({
  credential,
  shape,
  canManage,
}: {
  credential: CredentialRow;
  shape: CredentialShape;
  canManage: boolean;
}) {
  const t = useTranslations("admin.providers");
  const { id, name, last4, status, statusReason, enabled, weight, lastTestedAt } = credential;
  const [result, setResult] = useState<CredentialTest | null>(null);
  const test = useAction(testCredentialAction);
  const update = useAction(updateCredentialAction);
  const remove = useAction(deleteCredentialAction);

  async function saveWeight(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("weight"));
    await update.run({ id, patch: { weight: Number(text) } });
  }

  return (
    <li className="flex flex-col gap-3 border-b py-4 last:border-b-0">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <h3 className="font-medium">{name}</h3>
        <code className="font-mono text-sm text-ink-2">••••{last4}</code>
        <Badge variant={VARIANT[status]}>{t(`credentialStatuses.${status}`)}</Badge>
        <span className="text-sm text-ink-2">
          {t("lastTested")} <Moment at={lastTestedAt} />
        </span>
      </div>
      {statusReason && <p className="text-sm text-danger">{statusReason}</p>}
      {canManage && (
        <div className="flex flex-wrap items-end gap-x-4 gap-y-3">
          <form onSubmit={saveWeight} className="flex items-end gap-2">
            <Field name="weight" label={t("weight")} error={update.fieldProblem("patch.weight")}>
              <Input key={weight} type="number" min={0} max={10_000} defaultValue={weight} className="figures w-28" />
            </Field>
            <Button type="submit" disabled={update.isPending}>
              {t("saveWeight")}
            </Button>
          </form>
          <ChoiceField name="enabled" label={t("enabled")} className="h-9 justify-center">
            <Switch
              checked={enabled}
              disabled={update.isPending}
              onCheckedChange={(checked) => void update.run({ id, patch: { enabled: checked } })}
            />
          </ChoiceField>
          <div className="ml-auto flex flex-wrap gap-2">
            <Button disabled={test.isPending} onClick={async () => setResult((await test.run({ id })) ?? null)}>
              {t("test")}
            </Button>
            <ReplaceSecret id={id} name={name} shape={shape} />
            <ConfirmDialog
              trigger={t("delete")}
              title={t("deleteCredential", { name })}
              text={t("deleteCredentialText")}
              confirm={t("delete")}
              problem={remove.problem}
              isPending={remove.isPending}
              onConfirm={async () => Boolean(await remove.run({ id }))}
            />
          </div>
        </div>
      )}
      {update.problem && <FormError message={update.problem} />}
      {(test.isPending || result || test.problem) && (
        <CredentialTestResult isRunning={test.isPending} result={result} problem={test.problem} />
      )}
    </li>
  );
}

function ReplaceSecret({ id, name, shape }: { id: string; name: string; shape: CredentialShape }) {
  const t = useTranslations("admin.providers");
  const secret = useTranslations("credential");
  const [isOpen, setOpen] = useState(false);
  const { run, isPending, problem, fieldProblem } = useAction(updateCredentialAction);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (await run({ id, patch: secretOf(new FormData(event.currentTarget)) })) setOpen(false);
  }
  return (
    <Dialog open={isOpen} onOpenChange={setOpen}>
      <DialogTrigger render={<Button />}>{t("replaceSecret")}</DialogTrigger>
      <DialogContent title={t("replaceSecretOf", { name })} description={secret("apiKeyHelp")}>
        <Form onSubmit={submit}>
          <FormError message={problem} />
          <SecretFields shape={shape} problemOf={(field) => fieldProblem(`patch.${field}`) ?? fieldProblem(field)} />
          <DialogActions>
            <Button type="submit" variant="primary" disabled={isPending}>
              {t("replaceSecret")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}

export function AddCredential({ slug, shape }: { slug: string; shape: CredentialShape }) {
  const t = useTranslations("admin.providers");
  const secret = useTranslations("credential");
  const [isOpen, setOpen] = useState(false);
  const { run, isPending, problem, fieldProblem } = useAction(createCredentialAction);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const credential = { name: String(data.get("name")), ...secretOf(data) };
    if (await run({ slug, credential })) setOpen(false);
  }
  return (
    <Dialog open={isOpen} onOpenChange={setOpen}>
      <DialogTrigger render={<Button size="small" />}>{t("addCredential")}</DialogTrigger>
      <DialogContent title={t("addCredential")} description={secret("apiKeyHelp")}>
        <Form onSubmit={submit}>
          <FormError message={problem} />
          <Field
            name="name"
            label={t("credentialName")}
            error={fieldProblem("credential.name") ?? fieldProblem("name")}
          >
            <Input autoComplete="off" />
          </Field>
          <SecretFields
            shape={shape}
            problemOf={(field) => fieldProblem(`credential.${field}`) ?? fieldProblem(field)}
          />
          <DialogActions>
            <Button type="submit" variant="primary" disabled={isPending}>
              {t("addCredential")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
