"use client";

import { useLocale, useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { FormError } from "@/components/ui/form";
import { refundPurchase } from "@/lib/billing/actions";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";

type RefundDialogProps = { topupId: string; orgSlug: string; orgName: string; amountUsd: string };

/** Takes back what is unspent of a purchase; each opened dialog refunds once. */
export function RefundDialog({ topupId, orgSlug, orgName, amountUsd }: RefundDialogProps) {
  const t = useTranslations("billing.refund");
  const locale = useLocale();
  const [form, setForm] = useState<string | null>(null);
  const [isRefused, setRefused] = useState(false);
  const [busy, start] = useTransition();
  const amount = formatMoney(parseUsd(amountUsd), locale);
  const open = (isOpen: boolean) => {
    setForm(isOpen ? crypto.randomUUID() : null);
    setRefused(false);
  };
  const submit = () =>
    start(async () => {
      if (form === null) return;
      const result = await refundPurchase(orgSlug, { id: topupId, amountUsd, form }).catch(() => undefined);
      if (result?.ok) setForm(null);
      else setRefused(true);
    });
  return (
    <Dialog open={form !== null} onOpenChange={open}>
      <DialogTrigger render={<Button size="small" />}>{t("open", { amount })}</DialogTrigger>
      <DialogContent title={t("title", { amount })} description={t("text", { amount, org: orgName })}>
        <div className="flex flex-col gap-5">
          <FormError message={isRefused ? t("failed") : undefined} />
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
