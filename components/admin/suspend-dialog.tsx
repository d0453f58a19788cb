"use client";

import { useTranslations } from "next-intl";
import type { FormEvent } from "react";
import { useActionDialog } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { Textarea } from "@/components/ui/textarea";
import { setSuspendedAction } from "@/lib/orgs/admin-actions";

type Props = { orgId: string; name: string; isSuspended: boolean; activeKeys: number };

/** Suspends an organisation, or lets it in again; a reason either way. */
export function SuspendDialog({ orgId, name, isSuspended, activeKeys }: Props) {
  const t = useTranslations("admin.customers.suspend");
  const { isOpen, onOpenChange, close, run, isPending, problem, fieldProblem } = useActionDialog(setSuspendedAction);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget).get("reason"));
    if (await run({ orgId, suspended: !isSuspended, reason })) close();
  }
  const verb = isSuspended ? t("lift") : t("suspend");
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogTrigger render={<Button variant={isSuspended ? "outline" : "danger"} />}>{verb}</DialogTrigger>
      <DialogContent
        title={isSuspended ? t("liftTitle", { name }) : t("suspendTitle", { name })}
        description={isSuspended ? t("liftText") : t("suspendText", { keys: activeKeys })}
      >
        <Form onSubmit={submit}>
          <FormError message={problem} />
          <Field name="reason" label={t("reason")} error={fieldProblem("reason")}>
            <Textarea />
          </Field>
          <DialogActions>
            <Button type="submit" variant={isSuspended ? "primary" : "danger"} disabled={isPending}>
              {verb}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
