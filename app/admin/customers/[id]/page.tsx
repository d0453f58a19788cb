import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { getTranslations } from "next-intl/server";
import { CreditDialog } from "@/components/admin/credit-dialog";
import { CustomerKeys, CustomerRequests, OrgStatus } from "@/components/admin/customers";
import { FreezeDialog } from "@/components/admin/freeze-dialog";
import { JournalTable } from "@/components/admin/ledger";
import { ModelsDialog } from "@/components/admin/models-dialog";
import { PaymentsTable } from "@/components/admin/payments-table";
import { SuspendDialog } from "@/components/admin/suspend-dialog";
import { Percent, Usd } from "@/components/admin/usd";
import { AllowedModels } from "@/components/models/allowed-models";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { KeyFigures } from "@/components/shell/key-figures";
import { PageHead } from "@/components/shell/page-head";
import { Badge } from "@/components/ui/badge";
import { requireStaff } from "@/lib/auth/require-staff";
import { getWallet } from "@/lib/billing/admin-credits";
import { listJournals } from "@/lib/billing/admin-journals";
import { listPayments } from "@/lib/billing/admin-refunds";
import { listModels } from "@/lib/catalog/queries";
import { AppError } from "@/lib/errors";
import { listKeys } from "@/lib/keys/admin-keys";
import { getOrg } from "@/lib/orgs/admin-orgs";
import { getSettings } from "@/lib/settings/queries";
import { sumMargins } from "@/lib/usage/admin-margins";
import { parseRange } from "@/lib/usage/admin-range";
import { listRequests } from "@/lib/usage/admin-requests";

type Props = { params: Promise<{ id: string }> };

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("admin.customers"))("customer") };
}

export default async function CustomerPage({ params }: Props) {
  const scope = await requireStaff("orgs.read");
  const t = await getTranslations("admin.customers");
  const { id } = await params;
  const org = await getOrg(scope, id).catch(missing);
  const [{ mode }, wallet, { data: keys }, { data: requests }, usage, journals, payments, served] = await Promise.all([
    getSettings(),
    getWallet(scope, id),
    listKeys(scope, id, { limit: 100 }),
    listRequests(scope, { orgId: id, limit: 20 }),
    sumMargins(scope, parseRange("30d"), id),
    scope.permissions.has("ledger.read") ? listJournals(scope, { orgId: id, limit: 10 }) : null,
    listPayments(scope, id),
    listModels(),
  ]);
  const models = served.map(({ id: modelId, type }) => ({ id: modelId, type }));
  const isSuspended = org.status === "suspended";
  const activeKeys = keys.filter(({ status }) => status === "active").length;
  const balance = {
    label: t("balance"),
    value: <Usd amount={wallet.balanceUsd} down />,
    note: t.rich("heldNote", { amount: () => <Usd amount={wallet.heldUsd} /> }),
  };
  const actions = (
    <div className="flex flex-wrap items-center gap-2">
      {scope.permissions.has("orgs.manage") && (
        <SuspendDialog orgId={id} name={org.name} isSuspended={isSuspended} activeKeys={activeKeys} />
      )}
      {mode === "service" && scope.permissions.has("orgs.manage") && (
        <FreezeDialog orgId={id} name={org.name} isFrozen={wallet.status === "frozen"} />
      )}
      {mode === "service" && scope.permissions.has("credits.grant") && (
        <CreditDialog orgId={id} balanceUsd={wallet.balanceUsd} />
      )}
    </div>
  );
  return (
    <>
      <PageHead
        back={{ href: "/admin/customers", label: t("title") }}
        title={org.name}
        text={
          <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <OrgStatus status={org.status} />
            {wallet.status !== "active" && (
              <Badge variant="warning">
                {t(`walletStatuses.${wallet.status}`)}
                {wallet.freezeReason && ` · ${t(`freezeReasons.${wallet.freezeReason}`)}`}
              </Badge>
            )}
            <code className="font-mono text-sm wrap-anywhere">
              {org.slug} · {org.id}
            </code>
          </span>
        }
        action={actions}
      />
      <KeyFigures
        figures={[
          ...(mode === "service" ? [balance] : []),
          { label: t("revenue30"), value: <Usd amount={usage.revenueUsd} />, note: t("calls", { count: usage.calls }) },
          { label: t("cost30"), value: <Usd amount={usage.costUsd} /> },
          {
            label: t("margin30"),
            value: <Usd amount={usage.marginUsd} />,
            note: <Percent value={usage.marginPercent} />,
          },
        ]}
      />
      {mode === "service" && (
        <Block id="payments" title={t("payments")}>
          {payments.length === 0 ? (
            <EmptyState text={t("noPayments")} />
          ) : (
            <PaymentsTable rows={payments} orgId={id} canRefund={scope.permissions.has("refunds.manage")} />
          )}
        </Block>
      )}
      <Block
        id="models"
        title={t("models.label")}
        action={
          scope.permissions.has("orgs.manage") && (
            <ModelsDialog orgId={id} name={org.name} allowedModels={org.allowedModels} models={models} />
          )
        }
      >
        {org.allowedModels.length > 0 && (
          <p className="font-mono text-sm wrap-anywhere">{org.allowedModels.join(", ")}</p>
        )}
        <AllowedModels patterns={org.allowedModels} models={models} />
      </Block>
      <Block id="keys" title={t("keys")}>
        {keys.length === 0 ? <EmptyState text={t("noKeys")} /> : <CustomerKeys rows={keys} />}
      </Block>
      <Block id="requests" title={t("requests")}>
        {requests.length === 0 ? <EmptyState text={t("noRequests")} /> : <CustomerRequests rows={requests} />}
      </Block>
      {journals && (
        <Block id="ledger" title={t("ledger")}>
          {journals.data.length === 0 ? <EmptyState text={t("noJournals")} /> : <JournalTable rows={journals.data} />}
        </Block>
      )}
    </>
  );
}

function missing(error: unknown): never {
  if (error instanceof AppError && error.code === "not_found") notFound();
  throw error;
}
