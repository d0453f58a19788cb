"use client";

import { useTranslations } from "next-intl";
import { useAction } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { FormError } from "@/components/ui/form";
import { cancelTestAllAction, retryFailedJobsAction, startTestAllAction } from "@/lib/health/admin-actions";
import type { Health } from "@/lib/health/schema";

/** Tests all credentials. It runs in the worker, whoever looks; the page says how far it is. */
export function TestAll({ run }: { run: Health["run"] }) {
  const t = useTranslations("admin.health");
  const start = useAction(startTestAllAction);
  const cancel = useAction(cancelTestAllAction);
  const told = run && { total: run.total, done: run.done, failed: run.failed };
  return (
    <div className="flex flex-wrap items-center gap-3">
      <span role="status" className="figures text-sm text-ink-2">
        {run && told && t(run.isRunning ? "runRunning" : run.isCancelled ? "runCancelled" : "runDone", told)}
      </span>
      {run?.isRunning ? (
        <Button size="small" disabled={cancel.isPending} onClick={() => cancel.run({})}>
          {t("cancelTest")}
        </Button>
      ) : (
        <Button size="small" disabled={start.isPending} onClick={() => start.run({})}>
          {t("testAll")}
        </Button>
      )}
      <FormError message={start.problem ?? cancel.problem} />
    </div>
  );
}

export function RetryFailed() {
  const t = useTranslations("admin.health");
  const { run, isPending, problem } = useAction(retryFailedJobsAction);
  return (
    <span className="flex flex-wrap items-center gap-3">
      <FormError message={problem} />
      <Button size="small" disabled={isPending} onClick={() => run({})}>
        {t("retryFailed")}
      </Button>
    </span>
  );
}
