import { askWorker } from "@/lib/catalog/admin-ask-worker";
import { getById } from "@/lib/catalog/admin-credentials";
import { findBySlug } from "@/lib/catalog/admin-providers";
import type { CredentialTest } from "@/lib/catalog/schema";
import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

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
