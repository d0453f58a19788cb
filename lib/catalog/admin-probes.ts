import { setTimeout as wait } from "node:timers/promises";
import { recordAudit } from "@/lib/audit/mutations";
import { getById } from "@/lib/catalog/admin-credentials";
import { findBySlug } from "@/lib/catalog/admin-providers";
import { PROBE_TASK } from "@/lib/catalog/probe-task";
import type { CredentialTest } from "@/lib/catalog/schema";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { ProviderProbe } from "@/prisma/generated/client";

const MAX_WAIT_MS = 15_000;
const FIRST_POLL_MS = 20;
const LAST_POLL_MS = 250;

/** Asks the worker to try a credential; this process cannot open it. Throws not_found, or unavailable when no worker
 *  answers within 15 s. */
export async function testCredential(scope: StaffScope, id: string): Promise<CredentialTest> {
  requireStaffPermission(scope, "providers.manage");
  const credential = await getById(db(), id);
  const probe = await askWorker(scope, {
    kind: "test_credential",
    providerId: credential.providerId,
    credentialId: id,
  });
  const latencyMs = probe.latencyMs ?? 0;
  return probe.ok ? { ok: true, latencyMs } : { ok: false, latencyMs, error: probe.error ?? "The test failed." };
}

/** What the provider says that it offers. Throws not_found, unavailable, or upstream_error when the provider refuses. */
export async function listOfferedModels(
  scope: StaffScope,
  slug: string,
): Promise<{ id: string; name: string | null }[]> {
  requireStaffPermission(scope, "providers.read");
  const provider = await findBySlug(db(), slug);
  const probe = await askWorker(scope, { kind: "list_models", providerId: provider.id, credentialId: null });
  if (!probe.ok) throw new AppError("upstream_error", probe.error ?? "The provider did not list its models.");
  // safe because probe-task.ts wrote it
  const { models } = probe.result as { models: { id: string; name?: string }[] };
  return models.map((model) => ({ id: model.id, name: model.name ?? null }));
}

type Question = { kind: "test_credential" | "list_models"; providerId: string; credentialId: string | null };

async function askWorker(scope: StaffScope, question: Question): Promise<ProviderProbe> {
  const id = newId("probe");
  await db().$transaction(async (tx) => {
    await tx.providerProbe.create({ data: { id, ...question } });
    await tx.$queryRaw`SELECT 1 FROM graphile_worker.add_job(${PROBE_TASK}, ${JSON.stringify({ probeId: id })}::json, max_attempts => 1)`;
    const target = question.credentialId ? `credential:${question.credentialId}` : `provider:${question.providerId}`;
    await recordAudit(tx, scope, { action: `provider.${question.kind}`, target });
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
