"use client";

import { useTranslations } from "next-intl";
import { Moment } from "@/components/admin/moment";
import { RefundDialog } from "@/components/admin/refund-dialog";
import { Usd } from "@/components/admin/usd";
import { useAction } from "@/components/admin/use-action";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { type Column, DataTable } from "@/components/ui/data-table";
import { FormError } from "@/components/ui/form";
import { decideRefundAction } from "@/lib/billing/admin-actions";
import type { PaymentRow } from "@/lib/billing/schema";
import { formatUsd, parseUsd } from "@/lib/money";

type PaymentsTableProps = { rows: readonly PaymentRow[]; orgId: string; canRefund: boolean };
const VARIANTS = { paid: "positive", failed: "danger", refunded: "neutral" } as const;

/** A customer's purchases with disputes and refunds; those that wait for a second person are decided here. */
export function PaymentsTable({ rows, orgId, canRefund }: PaymentsTableProps) {
  const t = useTranslations("admin.customers.payment");
  const { run, isPending, problem } = useAction(decideRefundAction);
  const columns: Column<PaymentRow>[] = [
    {
      id: "at",
      header: t("time"),
      phone: "lead",
      cell: ({ paidAt, createdAt, receiptUrl, intent }) => (
        <span className="flex flex-col">
          <Moment at={paidAt ?? createdAt} />
          {receiptUrl && (
            <a
              href={receiptUrl}
              target="_blank"
              rel="noreferrer"
              className="font-mono text-xs wrap-anywhere text-ink-2 underline decoration-line-strong underline-offset-2"
            >
              {intent ?? t("stripe")}
            </a>
          )}
        </span>
      ),
    },
    {
      id: "state",
      header: t("state"),
      phone: "line",
      cell: ({ state, dispute, failure }) => (
        <span className="flex flex-wrap gap-1.5">
          <Badge variant={state in VARIANTS ? VARIANTS[state as keyof typeof VARIANTS] : "neutral"}>
            {t(`states.${state}`)}
          </Badge>
          {dispute && <Badge variant={dispute === "won" ? "neutral" : "danger"}>{t(`disputes.${dispute}`)}</Badge>}
          {failure && <code className="font-mono text-xs text-ink-2">{failure}</code>}
        </span>
      ),
    },
    {
      id: "bought",
      header: t("bought"),
      phone: "side",
      numeric: true,
      cell: ({ creditUsd }) => <Usd amount={creditUsd} />,
    },
    {
      id: "back",
      header: t("back"),
      phone: "none",
      numeric: true,
      cell: ({ refundedUsd, disputedUsd }) => <Usd amount={formatUsd(parseUsd(refundedUsd) + parseUsd(disputedUsd))} />,
    },
    {
      id: "refunds",
      header: t("refunds"),
      phone: "line",
      cell: ({ refunds }) => (
        <ul className="flex flex-col gap-1.5">
          {refunds.map(({ id, amountUsd, state, reason, failure }) => (
            <li key={id} className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm">
              <Usd amount={amountUsd} /> {t(`refundStates.${state}`)}
              <span className="wrap-anywhere text-ink-2">{failure ?? reason}</span>
              {state === "proposed" && canRefund && (
                <>
                  <Button
                    size="small"
                    disabled={isPending}
                    onClick={() => run({ orgId, refundId: id, isApproved: true })}
                  >
                    {t("approve")}
                  </Button>
                  <Button
                    size="small"
                    variant="quiet"
                    disabled={isPending}
                    onClick={() => run({ orgId, refundId: id, isApproved: false })}
                  >
                    {t("reject")}
                  </Button>
                </>
              )}
            </li>
          ))}
        </ul>
      ),
    },
    {
      id: "left",
      header: t("left"),
      phone: "line",
      numeric: true,
      cell: ({ id, refundableUsd, creditUsd }) => (
        <span className="flex flex-wrap items-center justify-end gap-2 max-sm:justify-start">
          <Usd amount={refundableUsd} down />
          {canRefund && refundableUsd !== "0" && (
            <RefundDialog orgId={orgId} topupId={id} boughtUsd={creditUsd} refundableUsd={refundableUsd} />
          )}
        </span>
      ),
    },
  ];
  return (
    <>
      <FormError message={problem} />
      <DataTable caption={t("caption")} columns={columns} rows={rows} rowId={({ id }) => id} />
    </>
  );
}
