"use client";

import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import type { FormEvent } from "react";
import { ConfirmDialog } from "@/components/admin/confirm-dialog";
import { useAction } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { ChoiceField, Field } from "@/components/ui/field";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { Switch } from "@/components/ui/switch";
import { deleteProviderAction, updateProviderAction } from "@/lib/catalog/admin-actions";
import type { ProviderRow } from "@/lib/catalog/schema";

type Props = { provider: ProviderRow; defaultBaseUrl: string | null; hasAddress: boolean };

export function ProviderSettings({ provider, defaultBaseUrl, hasAddress }: Props) {
  const t = useTranslations("admin.providers");
  const router = useRouter();
  const { slug } = provider;
  const update = useAction(updateProviderAction);
  const remove = useAction(deleteProviderAction);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const baseUrl = hasAddress ? { baseUrl: String(data.get("baseUrl") ?? "").trim() || null } : {};
    await update.run({ slug, patch: { displayName: String(data.get("displayName")), ...baseUrl } });
  }
  return (
    <Form onSubmit={submit}>
      <FormError message={update.problem} />
      <ChoiceField name="enabled" label={t("enabled")} help={t("enabledHelp")}>
        <Switch
          checked={provider.enabled}
          disabled={update.isPending}
          onCheckedChange={(enabled) => void update.run({ slug, patch: { enabled } })}
        />
      </ChoiceField>
      <Field name="displayName" label={t("displayName")} error={update.fieldProblem("patch.displayName")}>
        <Input autoComplete="off" defaultValue={provider.displayName} />
      </Field>
      {hasAddress && (
        <Field
          name="baseUrl"
          label={t("baseUrl")}
          help={t("baseUrlChange")}
          error={update.fieldProblem("patch.baseUrl") ?? update.fieldProblem("baseUrl")}
        >
          <Input
            type="url"
            autoComplete="off"
            spellCheck={false}
            defaultValue={provider.baseUrl ?? ""}
            placeholder={defaultBaseUrl ?? undefined}
          />
        </Field>
      )}
      <FormActions>
        <Button type="submit" variant="primary" disabled={update.isPending}>
          {t("save")}
        </Button>
        <ConfirmDialog
          trigger={t("deleteProvider")}
          title={t("deleteProviderTitle", { name: provider.displayName })}
          text={t("deleteProviderText")}
          confirm={t("deleteProvider")}
          problem={remove.problem}
          isPending={remove.isPending}
          onConfirm={async () => {
            const done = await remove.run({ slug });
            if (done) router.push("/admin/providers");
            return Boolean(done);
          }}
        />
      </FormActions>
    </Form>
  );
}
