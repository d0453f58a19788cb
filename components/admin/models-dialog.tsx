"use client";

import { useTranslations } from "next-intl";
import type { FormEvent } from "react";
import { useActionDialog } from "@/components/admin/use-action";
import { AllowedModelsField } from "@/components/models/allowed-models";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Form, FormError } from "@/components/ui/form";
import { type ListedModel, readPatterns } from "@/lib/model-patterns";
import { setAllowedModelsAction } from "@/lib/orgs/admin-actions";

type Props = { orgId: string; name: string; allowedModels: readonly string[]; models: readonly ListedModel[] };

/** What any key of an organisation may call at most. */
export function ModelsDialog({ orgId, name, allowedModels, models }: Props) {
  const t = useTranslations("admin.customers.models");
  const { isOpen, onOpenChange, close, run, isPending, problem, fieldProblem } =
    useActionDialog(setAllowedModelsAction);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("allowedModels"));
    if (await run({ orgId, allowedModels: readPatterns(text) })) close();
  }
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogTrigger render={<Button />}>{t("change")}</DialogTrigger>
      <DialogContent title={t("title", { name })} description={t("text")}>
        <Form onSubmit={submit}>
          <FormError message={problem} />
          <AllowedModelsField
            label={t("label")}
            values={allowedModels}
            models={models}
            error={fieldProblem("allowedModels")}
          />
          <DialogActions>
            <Button type="submit" variant="primary" disabled={isPending}>
              {t("save")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
