"use client";

import { useTranslations } from "next-intl";
import { ReasonDialog } from "@/components/admin/reason-dialog";
import { freezeWalletAction } from "@/lib/billing/admin-actions";

/** Freezes a balance, or lifts a freeze after a person has looked; a reason either way. */
export function FreezeDialog({ orgId, name, isFrozen }: { orgId: string; name: string; isFrozen: boolean }) {
  const t = useTranslations("admin.customers.freeze");
  return (
    <ReasonDialog
      verb={isFrozen ? t("lift") : t("freeze")}
      title={isFrozen ? t("liftTitle", { name }) : t("freezeTitle", { name })}
      text={isFrozen ? t("liftText") : t("freezeText")}
      isDanger={!isFrozen}
      action={freezeWalletAction}
      inputOf={(reason) => ({ orgId, frozen: !isFrozen, reason })}
    />
  );
}
