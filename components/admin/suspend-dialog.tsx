"use client";

import { useTranslations } from "next-intl";
import { ReasonDialog } from "@/components/admin/reason-dialog";
import { setSuspendedAction } from "@/lib/orgs/admin-actions";

type Props = { orgId: string; name: string; isSuspended: boolean; activeKeys: number };

/** Suspends an organisation, or lets it in again; a reason either way. */
export function SuspendDialog({ orgId, name, isSuspended, activeKeys }: Props) {
  const t = useTranslations("admin.customers.suspend");
  return (
    <ReasonDialog
      verb={isSuspended ? t("lift") : t("suspend")}
      title={isSuspended ? t("liftTitle", { name }) : t("suspendTitle", { name })}
      text={isSuspended ? t("liftText") : t("suspendText", { keys: activeKeys })}
      isDanger={!isSuspended}
      action={setSuspendedAction}
      inputOf={(reason) => ({ orgId, suspended: !isSuspended, reason })}
    />
  );
}
