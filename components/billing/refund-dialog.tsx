"use client";

import { useLocale, useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { FormError } from "@/components/ui/form";
import { randomUuid } from "@/components/ui/random-uuid";
import { refundPurchase } from "@/lib/billing/actions";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type RefundDialogProps = { topupId: string; orgSlug: string; orgName: string; amountUsd: string };

/** Takes back what is unspent of a purchase; each opened dialog refunds once. */
export function RefundDialog({ topupId, orgSlug, orgName, amountUsd }: RefundDialogProps) {
  const t = useTranslations("billing.refund");
  const locale = useLocale();
  const [form, setForm] = useState<string | null>(null);
  const [problem, setProblem] = useState<string>();
  const explain = useExplain();
  const [busy, start] = useTransition();
  const amount = formatMoney(parseUsd(amountUsd), locale);
  const open = (isOpen: boolean) => {
    setForm(isOpen ? randomUuid() : null);
    setProblem(undefined);
  };
  const submit = () =>
    start(async () => {
      if (form === null) return;
      setProblem(undefined);
      const result = await settled(refundPurchase(orgSlug, { id: topupId, amountUsd, form }));
      if (result?.ok) return setForm(null);
      const isRefused = result?.error.code === "conflict" || result?.error.code === "invalid_request";
      if (result) setProblem(isRefused ? t("failed") : explain.error(result.error));
    });
  return (
    <Dialog open={form !== null} onOpenChange={open}>
      <DialogTrigger render={<Button size="small" />}>{t("open", { amount })}</DialogTrigger>
      <DialogContent title={t("title", { amount })} description={t("text", { amount, org: orgName })}>
        <div className="flex flex-col gap-5">
          <FormError message={problem} />
          <DialogActions cancel={t("keep")}>
            <Button variant="danger" disabled={busy} onClick={submit}>
              {t("confirm", { amount })}
            </Button>
          </DialogActions>
        </div>
      </DialogContent>
    </Dialog>
  );
}
