import { recordAudit } from "@/lib/audit/mutations";
import { queueProbe } from "@/lib/catalog/admin-ask-worker";
import { change } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

/** Lets the worker test every credential that is in use, or out of use because it was refused. The run goes on whoever looks.
 *  Throws conflict while one runs, or where there is nothing to test. */
export async function startTestAll(scope: StaffScope): Promise<{ id: string; total: number }> {
  requireStaffPermission(scope, "providers.manage");
  return change(scope, async (tx) => {
    const credentials = await tx.credential.findMany({
      where: { enabled: true, status: { not: "needs_secret" }, provider: { enabled: true } },
      orderBy: { id: "asc" },
    });
    if (credentials.length === 0) throw new AppError("conflict", "There is no credential to test.");
    if (await tx.providerProbe.findFirst({ where: { runId: { not: null }, state: "pending" } }))
      throw new AppError("conflict", "A test of all credentials is running.");
    const run = await tx.probeRun.create({ data: { id: newId("run"), total: credentials.length } });
    for (const { id: credentialId, providerId } of credentials)
      await queueProbe(tx, { kind: "test_credential", providerId, credentialId, runId: run.id });
    await recordAudit(tx, scope, { action: "provider.test_all", target: `run:${run.id}` });
    return { id: run.id, total: run.total };
  });
}

/** What has begun ends; nothing more begins. Idempotent. */
export async function cancelTestAll(scope: StaffScope): Promise<{ cancelled: number }> {
  requireStaffPermission(scope, "providers.manage");
  return change(scope, async (tx) => {
    const pending = { runId: { not: null }, state: "pending" };
    const open = await tx.providerProbe.findMany({ where: pending, select: { runId: true } });
    const { count } = await tx.providerProbe.updateMany({ where: pending, data: { state: "cancelled" } });
    const runs = open.flatMap(({ runId }) => runId ?? []);
    await tx.probeRun.updateMany({ where: { id: { in: runs } }, data: { cancelledAt: new Date() } });
    await recordAudit(tx, scope, { action: "provider.cancel_test_all", target: `run:${runs[0] ?? "none"}` });
    return { cancelled: count };
  });
}

/** Lets the queue try again what it has given up. */
export async function retryFailedJobs(scope: StaffScope): Promise<{ retried: number }> {
  requireStaffPermission(scope, "settings.manage");
  return change(scope, async (tx) => {
    const [row] = await tx.$queryRaw<[{ retried: number }]>`SELECT retry_failed_jobs() AS retried`;
    await recordAudit(tx, scope, {
      action: "queue.retry_failed",
      target: "queue:all",
      after: { retried: row.retried },
    });
    return { retried: row.retried };
  });
}
