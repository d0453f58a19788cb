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
import { SelectFrom } from "@/components/ui/select";
import { Textarea } from "@/components/ui/textarea";
import { useToast } from "@/components/ui/toast";
import { grantCreditAction } from "@/lib/billing/admin-actions";
import { CREDIT_KINDS } from "@/lib/billing/schema";
import { formatUsd, parseUsd } from "@/lib/money";

/** Credit with a reason; the balance before and after is shown first. Each opened form books once. */
export function CreditDialog({ orgId, balanceUsd }: { orgId: string; balanceUsd: string }) {
  const t = useTranslations("admin.customers.credit");
  const toast = useToast();
  const [formId, setFormId] = useState<string | null>(null);
  const [kind, setKind] = useState<(typeof CREDIT_KINDS)[number]>("comp");
  const [amount, setAmount] = useState("");
  const { run, isPending, problem, fieldProblem, clear } = useAction(grantCreditAction);
  const kinds = CREDIT_KINDS.filter((one) => one !== "write_off" || parseUsd(balanceUsd) < 0n);
  const isCredit = kind === "promo" || kind === "comp";

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (!formId || isPending) return;
    const data = new FormData(event.currentTarget);
    const expires = String(data.get("expiresAt") ?? "");
    const credit = {
      amountUsd: amount.trim(),
      kind,
      reason: String(data.get("reason")),
      ...(expires && isCredit && { expiresAt: expires }),
    };
    if (!(await run({ orgId, formId, credit }))) return;
    setFormId(null);
    toast.add({ title: t("done") });
  }

  const open = (isOpen: boolean) => {
    setFormId(isOpen ? randomUuid() : null);
    setAmount("");
    setKind("comp");
    clear();
  };
  return (
    <Dialog open={formId !== null} onOpenChange={open}>
      <DialogTrigger render={<Button variant="primary" />}>{t("open")}</DialogTrigger>
      <DialogContent title={t("open")} description={t("text")}>
        <Form onSubmit={submit}>
          <FormError message={problem} />
          <Field name="kind" label={t("kind")} help={t(`kindHelp.${kind}`)} error={fieldProblem("credit.kind")}>
            <SelectFrom
              value={kind}
              onValueChange={setKind}
              items={kinds.map((value) => ({ value, label: t(`kinds.${value}`) }))}
            />
          </Field>
          <Field
            name="amountUsd"
            label={t("amount")}
            help={kind === "correction" ? t("amountHelp") : undefined}
            error={fieldProblem("credit.amountUsd") ?? fieldProblem("amountUsd")}
          >
            <Input
              inputMode="decimal"
              autoComplete="off"
              value={amount}
              onValueChange={setAmount}
              className="figures text-right"
            />
          </Field>
          <dl className="figures grid grid-cols-2 border-y py-3">
            <div>
              <dt className="text-sm text-ink-2">{t("before")}</dt>
              <dd className="text-lg">
                <Usd amount={balanceUsd} down />
              </dd>
            </div>
            <div>
              <dt className="text-sm text-ink-2">{t("after")}</dt>
              <dd className="text-lg">
                <Usd amount={sum(balanceUsd, amount)} down />
              </dd>
            </div>
          </dl>
          {isCredit && (
            <Field
              name="expiresAt"
              label={t("expires")}
              help={t("expiresHelp")}
              error={fieldProblem("credit.expiresAt")}
            >
              <Input type="date" />
            </Field>
          )}
          <Field name="reason" label={t("reason")} help={t("reasonHelp")} error={fieldProblem("credit.reason")}>
            <Textarea />
          </Field>
          <DialogActions>
            <Button type="submit" variant="primary" disabled={isPending}>
              {t("book")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}

/** null while the amount is none. */
function sum(balanceUsd: string, amount: string): string | null {
  try {
    return formatUsd(parseUsd(balanceUsd) + parseUsd(amount.trim()));
  } catch {
    return null;
  }
}
