"use client";

import { useTranslations } from "next-intl";
import { type FormEvent, useState } from "react";
import { CredentialTestResult } from "@/components/admin/credential-test";
import { DeleteCredential } from "@/components/admin/delete-credential";
import { Moment } from "@/components/admin/moment";
import { SecretFields, secretOf } from "@/components/admin/secret-fields";
import { useAction } from "@/components/admin/use-action";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { ChoiceField, Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { randomUuid } from "@/components/ui/random-uuid";
import { Switch } from "@/components/ui/switch";
import { createCredentialAction, testCredentialAction, updateCredentialAction } from "@/lib/catalog/admin-actions";
import type { CredentialShape } from "@/lib/catalog/provider-kinds";
import type { CredentialRow, CredentialTest } from "@/lib/catalog/schema";

const VARIANT = { active: "positive", needs_secret: "warning", disabled: "danger", verifying: "neutral" } as const;
const FULL_WEIGHT = 100;

type CredentialProps = {
  credential: CredentialRow;
  shape: CredentialShape;
  canManage: boolean;
  /** Served models that have no other route. */
  lastRouteOf: readonly string[];
};

/** One credential with everything that is known of it and can be done to it. The secret can be replaced, never read. */
export function Credential({ credential, shape, canManage, lastRouteOf }: CredentialProps) {
  const t = useTranslations("admin.providers");
  const { id, name, last4, statusReason, enabled, status, weight } = credential;
  const [result, setResult] = useState<CredentialTest | null>(null);
  const test = useAction(testCredentialAction);
  const update = useAction(updateCredentialAction);
  const isRefused = enabled && status === "disabled";

  return (
    <li className="flex flex-col gap-3 border-b py-4 last:border-b-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-medium">{name}</h3>
        {last4 && <code className="font-mono text-sm text-ink-2">••••{last4}</code>}
        <StateBadges credential={credential} />
      </div>
      {statusReason && (
        <p className={status === "active" ? "text-sm text-warning" : "text-sm text-danger"}>
          <q lang="en">{statusReason}</q>
        </p>
      )}
      <Facts credential={credential} />
      {canManage && (
        <div className="flex flex-wrap items-end gap-x-6 gap-y-3">
          <Limits credential={credential} />
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
            {isRefused && (
              <Button disabled={update.isPending} onClick={() => update.run({ id, patch: { enabled: true } })}>
                {t("enableAgain")}
              </Button>
            )}
            <Button
              disabled={update.isPending}
              onClick={() => update.run({ id, patch: { weight: weight === 0 ? FULL_WEIGHT : 0 } })}
            >
              {weight === 0 ? t("resume") : t("drain")}
            </Button>
            <Rotate id={id} name={name} shape={shape} />
            <DeleteCredential id={id} name={name} lastRouteOf={lastRouteOf} />
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

function StateBadges({
  credential: { enabled, status, refusal, restingUntil, lastTestedAt, weight },
}: Pick<CredentialProps, "credential">) {
  const t = useTranslations("admin.providers");
  const isResting = status === "active" && restingUntil !== null;
  return (
    <>
      {!enabled && <Badge>{t("off")}</Badge>}
      {enabled && isResting && (
        <Badge variant="warning">
          {t("restingUntil")} <Moment at={restingUntil} seconds />
        </Badge>
      )}
      {enabled && !isResting && (
        <Badge variant={VARIANT[status]}>
          {status === "disabled" && refusal ? t(`refusals.${refusal}`) : t(`credentialStatuses.${status}`)}
        </Badge>
      )}
      {enabled && weight === 0 && <Badge variant="warning">{t("drained")}</Badge>}
      {lastTestedAt === null && <Badge variant="warning">{t("untested")}</Badge>}
    </>
  );
}

function Facts({ credential: { lastTestedAt, lastUsedAt, lastError, balance } }: Pick<CredentialProps, "credential">) {
  const t = useTranslations("admin.providers");
  const facts = [
    { label: t("lastTested"), value: <Moment at={lastTestedAt} /> },
    { label: t("lastUsed"), value: <Moment at={lastUsedAt} /> },
    ...(lastError
      ? [
          {
            label: t("lastError"),
            value: (
              <>
                <code className="font-mono">{lastError.class}</code> · <Moment at={lastError.at} />
              </>
            ),
          },
        ]
      : []),
    ...(balance
      ? [{ label: t("balance"), value: <span className="figures">{`${balance.amount} ${balance.unit}`}</span> }]
      : []),
  ];
  return (
    <dl className="flex flex-wrap gap-x-6 gap-y-1 text-sm">
      {facts.map(({ label, value }) => (
        <div key={label} className="flex flex-wrap gap-x-1.5">
          <dt className="text-ink-2">{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Limits({ credential: { id, name, weight, rpm, tpm } }: Pick<CredentialProps, "credential">) {
  const t = useTranslations("admin.providers");
  const update = useAction(updateCredentialAction);
  async function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const cap = (field: string) => (data.get(field) ? Number(data.get(field)) : null);
    await update.run({ id, patch: { weight: Number(data.get("weight")), rpm: cap("rpm"), tpm: cap("tpm") } });
  }
  return (
    <form onSubmit={save} className="flex flex-wrap items-end gap-2" aria-label={`${t("limits")}: ${name}`}>
      <Field name="weight" label={t("weight")} error={update.fieldProblem("patch.weight")}>
        <Input key={weight} type="number" min={0} max={10_000} defaultValue={weight} className="figures w-28" />
      </Field>
      <Field name="rpm" label={t("rpm")} error={update.fieldProblem("patch.rpm")}>
        <Input
          key={rpm}
          type="number"
          min={1}
          defaultValue={rpm ?? ""}
          placeholder={t("noCap")}
          className="figures w-28"
        />
      </Field>
      <Field name="tpm" label={t("tpm")} error={update.fieldProblem("patch.tpm")}>
        <Input
          key={tpm}
          type="number"
          min={1}
          defaultValue={tpm ?? ""}
          placeholder={t("noCap")}
          className="figures w-32"
        />
      </Field>
      <Button type="submit" disabled={update.isPending}>
        {t("save")}
      </Button>
      {update.problem && <FormError message={update.problem} />}
    </form>
  );
}

/** Tries what was typed before it is stored; what fails may be stored all the same, and is marked. */
function useTried<Input, Data>(act: ReturnType<typeof useAction<Input, Data>>, onDone: () => void) {
  const [hasFailed, setFailed] = useState(false);
  return {
    hasFailed,
    forget: () => {
      setFailed(false);
      act.clear();
    },
    send: async (input: Input, isTest: boolean) => {
      const done = await act.run(input);
      setFailed(done === undefined && isTest);
      if (done !== undefined) onDone();
    },
  };
}

function Rotate({ id, name, shape }: { id: string; name: string; shape: CredentialShape }) {
  const t = useTranslations("admin.providers");
  const [isOpen, setOpen] = useState(false);
  const act = useAction(updateCredentialAction);
  const tried = useTried(act, () => setOpen(false));
  const send = (form: HTMLFormElement, test: boolean) =>
    tried.send({ id, patch: { ...secretOf(new FormData(form)), test } }, test);
  return (
    <Dialog
      open={isOpen}
      onOpenChange={(open) => {
        setOpen(open);
        tried.forget();
      }}
    >
      <DialogTrigger render={<Button />}>{t("replaceSecret")}</DialogTrigger>
      <DialogContent title={t("replaceSecretOf", { name })} description={t("replaceSecretText")}>
        <SecretForm
          shape={shape}
          problem={act.problem}
          problemOf={(field) => act.fieldProblem(`patch.${field}`) ?? act.fieldProblem(field)}
          isPending={act.isPending}
          hasFailed={tried.hasFailed}
          submit={t("testAndReplace")}
          onSend={send}
        />
      </DialogContent>
    </Dialog>
  );
}

export function AddCredential({ slug, shape }: { slug: string; shape: CredentialShape }) {
  const t = useTranslations("admin.providers");
  const [isOpen, setOpen] = useState(false);
  const [formId, setFormId] = useState("");
  const act = useAction(createCredentialAction);
  const tried = useTried(act, () => setOpen(false));
  const send = (form: HTMLFormElement, test: boolean) => {
    const data = new FormData(form);
    const credential = { name: String(data.get("name")), ...secretOf(data), test };
    return tried.send({ slug, credential, form: formId }, test);
  };
  return (
    <Dialog
      open={isOpen}
      onOpenChange={(open) => {
        setOpen(open);
        if (open) setFormId(randomUuid());
        tried.forget();
      }}
    >
      <DialogTrigger render={<Button size="small" />}>{t("addCredential")}</DialogTrigger>
      <DialogContent title={t("addCredential")} description={t("addCredentialText")}>
        <SecretForm
          shape={shape}
          named
          problem={act.problem}
          problemOf={(field) => act.fieldProblem(`credential.${field}`) ?? act.fieldProblem(field)}
          isPending={act.isPending}
          hasFailed={tried.hasFailed}
          submit={t("addAndTest")}
          onSend={send}
        />
      </DialogContent>
    </Dialog>
  );
}

type SecretFormProps = {
  shape: CredentialShape;
  /** With a field for the credential's name. */
  named?: boolean;
  problem: string | undefined;
  problemOf: (field: string) => string | undefined;
  isPending: boolean;
  hasFailed: boolean;
  submit: string;
  onSend: (form: HTMLFormElement, test: boolean) => Promise<void>;
};

function SecretForm(props: SecretFormProps) {
  const { shape, named = false, problem, problemOf, isPending, hasFailed, submit, onSend } = props;
  const t = useTranslations("admin.providers");
  return (
    <Form
      onSubmit={(event) => {
        event.preventDefault();
        void onSend(event.currentTarget, true);
      }}
    >
      <FormError message={problem} />
      {named && (
        <Field name="name" label={t("credentialName")} error={problemOf("name")}>
          <Input autoComplete="off" />
        </Field>
      )}
      <SecretFields shape={shape} problemOf={problemOf} />
      <p role="status" className="text-sm text-ink-2 empty:hidden">
        {isPending && t("testing")}
      </p>
      <DialogActions>
        <Button type="submit" variant="primary" disabled={isPending}>
          {submit}
        </Button>
        {hasFailed && (
          <Button
            disabled={isPending}
            onClick={(event) => {
              const { form } = event.currentTarget;
              if (form) void onSend(form, false);
            }}
          >
            {t("saveUntested")}
          </Button>
        )}
      </DialogActions>
    </Form>
  );
}
