"use client";

import { useTranslations } from "next-intl";
import { type FormEvent, useState } from "react";
import { Usd } from "@/components/admin/usd";
import { useAction } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { randomUuid } from "@/components/ui/random-uuid";
import { Textarea } from "@/components/ui/textarea";
import { useToast } from "@/components/ui/toast";
import { requestRefundAction } from "@/lib/billing/admin-actions";

type RefundDialogProps = { orgId: string; topupId: string; boughtUsd: string; refundableUsd: string };

/** Refunds unspent credit of one purchase; each opened form refunds once. */
export function RefundDialog({ orgId, topupId, boughtUsd, refundableUsd }: RefundDialogProps) {
  const t = useTranslations("admin.customers.refund");
  const toast = useToast();
  const [form, setForm] = useState<string | null>(null);
  const { run, isPending, problem, fieldProblem, clear } = useAction(requestRefundAction);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (!form || isPending) return;
    const data = new FormData(event.currentTarget);
    const [amountUsd, reason] = [String(data.get("amountUsd")).trim(), String(data.get("reason"))];
    const made = await run({ orgId, topupId, amountUsd, reason, form });
    if (!made) return;
    setForm(null);
    toast.add({ title: made.state === "proposed" ? t("proposed") : t("requested") });
  }

  const open = (isOpen: boolean) => {
    setForm(isOpen ? randomUuid() : null);
    clear();
  };
  return (
    <Dialog open={form !== null} onOpenChange={open}>
      <DialogTrigger render={<Button size="small" />}>{t("open")}</DialogTrigger>
      <DialogContent title={t.rich("title", { amount: () => <Usd amount={boughtUsd} /> })} description={t("text")}>
        <Form onSubmit={submit}>
          <FormError message={problem} />
          <Field
            name="amountUsd"
            label={t("amount")}
            help={t.rich("amountHelp", { amount: () => <Usd amount={refundableUsd} down /> })}
            error={fieldProblem("amountUsd")}
          >
            <Input inputMode="decimal" autoComplete="off" defaultValue={refundableUsd} className="figures text-right" />
          </Field>
          <Field name="reason" label={t("reason")} error={fieldProblem("reason")}>
            <Textarea />
          </Field>
          <DialogActions>
            <Button type="submit" variant="danger" disabled={isPending}>
              {t("confirm")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
