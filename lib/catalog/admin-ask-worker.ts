import { setTimeout as wait } from "node:timers/promises";
import { recordAudit } from "@/lib/audit/mutations";
import { PROBE_TASK } from "@/lib/catalog/probe-task";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import type { StaffScope } from "@/lib/orgs/scope";
import type { Prisma, ProviderProbe } from "@/prisma/generated/client";

const MAX_WAIT_MS = 15_000;
const FIRST_POLL_MS = 20;
const LAST_POLL_MS = 250;

/** `sealed`: a secret to be tried that is not stored yet, bound to `credentialId`. */
type Question = {
  kind: "test_credential" | "list_models";
  providerId: string;
  credentialId: string | null;
  sealed?: string;
};

/** Has the worker find something out, as this process cannot open a secret, and waits for the answer. The caller has judged the
 *  scope. Throws unavailable when no worker answers within 15 s. */
export async function askWorker(scope: StaffScope, question: Question): Promise<ProviderProbe> {
  const id = await db().$transaction(async (tx) => {
    const target = question.credentialId ? `credential:${question.credentialId}` : `provider:${question.providerId}`;
    await recordAudit(tx, scope, { action: `provider.${question.kind}`, target });
    return queueProbe(tx, question);
  });
  const deadline = performance.now() + MAX_WAIT_MS;
  for (let pollMs = FIRST_POLL_MS; performance.now() < deadline; pollMs = Math.min(pollMs * 1.5, LAST_POLL_MS)) {
    await wait(pollMs);
    const probe = await db().providerProbe.findUnique({ where: { id } });
    if (probe?.state === "done") return probe;
  }
  throw new AppError("unavailable", "The worker did not answer within 15 seconds. Is it running?", {
    retryAfterMs: 1000,
  });
}

/** The same without waiting: the worker writes what it finds into the credential. */
export async function queueProbe(
  tx: Prisma.TransactionClient,
  question: Question & { runId?: string },
): Promise<string> {
  const id = newId("probe");
  await tx.providerProbe.create({ data: { id, ...question } });
  await tx.$queryRaw`SELECT 1 FROM graphile_worker.add_job(${PROBE_TASK}, ${JSON.stringify({ probeId: id })}::json, max_attempts => 1)`;
  return id;
}
