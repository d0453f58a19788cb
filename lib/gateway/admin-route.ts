import { systemClock } from "@/lib/clock";
import { db, sql } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { findProvider } from "@/lib/gateway/providers/registry";
import type { Considered } from "@/lib/gateway/routing/candidates";
import { chainOf } from "@/lib/gateway/routing/chain";
import type { RouteHealth } from "@/lib/gateway/routing/health";
import { createHealthStore } from "@/lib/gateway/routing/health-store";
import { takeHints } from "@/lib/gateway/routing/hints";
import { toRouteRow } from "@/lib/gateway/routing/route-rows";
import type { RouteQuestion, StaffRoute, StaffRouteRow } from "@/lib/gateway/schema";
import { findModel, loadSnapshot } from "@/lib/gateway/snapshot";
import { servesType } from "@/lib/gateway/units/registry";
import { isListed } from "@/lib/model-patterns";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

/** Where a call would go now, and why: the gateway's own ranking over the configuration and health that all nodes share. Nothing
 *  is called. Throws not_found. */
export async function explainRoute(scope: StaffScope, question: RouteQuestion): Promise<StaffRoute> {
  requireStaffPermission(scope, "models.read");
  const { model: name, affinity = null, needs = [], inputTokens = 0, models, provider } = question;
  const [snapshot, health, org] = await Promise.all([
    loadSnapshot(sql()),
    readHealth(),
    question.orgId ? db().org.findUnique({ where: { id: question.orgId } }) : null,
  ]);
  if (question.orgId && !org) throw new AppError("not_found", `There is no organisation "${question.orgId}".`);
  const model = findModel(snapshot, name);
  if (!model) throw new AppError("not_found", `There is no model "${name}", or it is disabled.`);
  const chain = chainOf(
    {
      ...{ snapshot, health, random: Math.random },
      caller: { mayUseModel: (one) => isListed(org?.allowedModels ?? [], one) },
    },
    {
      ...{ name, model, affinity: affinity && `${question.orgId ?? ""}\n${affinity}`, needs },
      hints: takeHints({ model: name, ...(models && { models }), ...(provider && { provider }) }),
      fits: (window) => inputTokens <= window,
      // whichever endpoint is asked; conversations are translated to everybody
      unservable: (definition) =>
        model.type === "chat" || servesType(definition, model.type) ? null : "endpoint_not_served",
    },
  );
  const planned = chain.links.flatMap(({ model: { id }, considered }) =>
    considered.map((one) => toStaffRow(id, one, health)),
  );
  const leftOut = chain.leftOut.map((one) => ({ ...NOTHING, model: one.name, reason: one.reason }));
  const disabled = await disabledParts(chain.links.map((link) => link.model.id));
  return {
    model: planned.find(({ called }) => called)?.model ?? null,
    order: affinity === null ? "chance" : "affinity",
    candidates: [...planned, ...disabled, ...leftOut],
  };
}

/** The same for the models that a provider serves, the first ten. Places are among each model's own candidates. */
export async function explainProvider(scope: StaffScope, slug: string): Promise<StaffRouteRow[]> {
  requireStaffPermission(scope, "models.read");
  const models = await db().model.findMany({
    where: { enabled: true, offers: { some: { provider: { slug } } } },
    orderBy: { id: "asc" },
    select: { id: true },
    take: 10,
  });
  const routes = await Promise.all(models.map(({ id }) => explainRoute(scope, { model: id })));
  return routes.flatMap(({ candidates }) => candidates);
}

const NOTHING: Omit<StaffRouteRow, "model" | "reason"> = {
  ...{ provider: null, upstreamModel: null, credentialId: null, score: null, credentialScore: null },
  ...{ called: false, credentialName: null, priority: null, weight: null, credentialWeight: null, health: null },
};

/** What the gateway's configuration leaves out from the start. */
async function disabledParts(models: string[]): Promise<StaffRouteRow[]> {
  const offers = await db().offer.findMany({
    where: { modelId: { in: models } },
    include: { provider: { include: { credentials: true } } },
    orderBy: [{ priority: "asc" }, { id: "asc" }],
  });
  return offers.flatMap((offer): StaffRouteRow[] => {
    const { modelId, upstreamModel, priority, weight, provider } = offer;
    const row = { ...NOTHING, model: modelId, provider: provider.slug, upstreamModel, priority, weight };
    if (!provider.enabled) return [{ ...row, reason: "provider_disabled" }];
    if (!offer.enabled) return [{ ...row, reason: "offer_disabled" }];
    return provider.credentials
      .filter(({ enabled, status }) => !enabled || status !== "active")
      .map(({ id, name, enabled, status, weight: own }) => ({
        ...{ ...row, credentialId: id, credentialName: name, credentialWeight: own },
        reason: enabled ? `credential_${status}` : "credential_disabled",
      }));
  });
}

function toStaffRow(model: string, considered: Considered, health: RouteHealth): StaffRouteRow {
  const { offer, credential, reason } = considered;
  const definition = findProvider(offer.provider.kind);
  return {
    ...toRouteRow(model, considered),
    called: reason === null || reason === "resting",
    credentialName: credential?.name ?? null,
    priority: offer.priority,
    weight: offer.weight,
    credentialWeight: credential?.weight ?? null,
    health: definition ? health.factor({ definition, offer, credential }) : null,
  };
}

/** As the nodes have told each other. */
async function readHealth(): Promise<RouteHealth> {
  let trouble: unknown = null;
  const { health, sync } = createHealthStore({
    ...{ sql: sql(), node: "web", clock: systemClock, random: Math.random },
    onError: (error) => {
      trouble = error;
    },
  });
  await sync();
  if (trouble) throw trouble;
  return health;
}
