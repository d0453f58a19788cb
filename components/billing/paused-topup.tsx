"use client";

import { useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { Notice } from "@/components/billing/notice";
import { Button } from "@/components/ui/button";
import { confirmPausedTopup } from "@/lib/billing/actions";

/** The bank wants the last automatic charge confirmed: leads to its page for that same payment. */
export function PausedTopup({ orgSlug }: { orgSlug: string }) {
  const t = useTranslations("billing.auto");
  const explain = useExplain();
  const [problem, setProblem] = useState<string>();
  const [busy, start] = useTransition();
  const confirm = () =>
    start(async () => {
      setProblem(undefined);
      const result = await settled(confirmPausedTopup(orgSlug, {}));
      if (result?.ok) window.location.assign(result.data.url);
      else if (result) setProblem(result.error.code === "not_found" ? t("confirmed") : explain.error(result.error));
    });
  return (
    <Notice kind="warning">
      {problem ?? t("states.paused")}{" "}
      <Button size="small" className="ml-1" disabled={busy} onClick={confirm}>
        {t("confirm")}
      </Button>
    </Notice>
  );
}
