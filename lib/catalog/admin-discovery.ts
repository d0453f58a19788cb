import { readModel, saveModel } from "@/lib/catalog/admin-models";
import { listOfferedModels } from "@/lib/catalog/admin-probes";
import { findBySlug } from "@/lib/catalog/admin-providers";
import type { ModelFigures } from "@/lib/catalog/figures";
import type { CatalogueModelRow, ImportInput, UpstreamModel } from "@/lib/catalog/import-schema";
import { formatRates, type StoredRates } from "@/lib/catalog/rates";
import type { ModelInput, ModelRow } from "@/lib/catalog/schema";
import { findSeedModel, type SeedModel, seedModels } from "@/lib/catalog/seed";
import { suggestModelId } from "@/lib/catalog/suggest-model-id";
import { change, db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { Prisma, Provider } from "@/prisma/generated/client";

type Tx = Prisma.TransactionClient;

/** The bundled catalogue, or its part for one kind of provider. */
export function listCatalogue(scope: StaffScope, { kind }: { kind?: string | undefined }): CatalogueModelRow[] {
  requireStaffPermission(scope, "models.read");
  return seedModels()
    .filter((model) => kind === undefined || model.kind === kind)
    .map((model) => ({ kind: model.kind, id: model.id, ...toFigures(model) }));
}

/** What the provider offers now, beside what the catalogue knows of it and what is served already.
 *  Throws not_found, unavailable, or upstream_error when the provider refuses. */
export async function discoverModels(scope: StaffScope, slug: string): Promise<UpstreamModel[]> {
  requireStaffPermission(scope, "providers.read");
  const provider = await findBySlug(db(), slug);
  const [offered, offers] = await Promise.all([
    listOfferedModels(scope, slug),
    db().offer.findMany({ where: { providerId: provider.id } }),
  ]);
  const served = new Map(offers.map(({ upstreamModel, modelId }) => [upstreamModel, modelId]));
  return offered.map(({ id, name }) => {
    const known = findSeedModel(provider.kind, id);
    return {
      id,
      name: name ?? known?.name ?? null,
      model: served.get(id) ?? null,
      suggestedId: suggestModelId(provider, id),
      figures: known && toFigures(known),
    };
  });
}

/** Makes models of what a provider offers, with the catalogue's limits and costs where the input states none, priced by one
 *  margin. A model that exists gets the provider as its last resort and keeps its price. One without any cost is saved switched
 *  off, as nobody could be charged for it. All or none. Throws not_found, conflict for what is offered already. */
export async function importModels(scope: StaffScope, slug: string, input: ImportInput): Promise<{ data: ModelRow[] }> {
  requireStaffPermission(scope, "models.manage");
  return change(scope, async (tx) => {
    const provider = await findBySlug(tx, slug);
    const data: ModelRow[] = [];
    for (const [index, model] of input.models.entries()) {
      const param = `models.${index}.upstreamModel`;
      const offer = await tx.offer.findFirst({
        where: { providerId: provider.id, upstreamModel: model.upstreamModel },
      });
      if (offer) throw new AppError("conflict", `${param}: model "${offer.modelId}" offers it already.`, { param });
      const known = findSeedModel(provider.kind, model.upstreamModel);
      data.push(await addOffered(tx, scope, { provider, model, known, marginPercent: input.marginPercent }));
    }
    return { data };
  });
}

export type Offered = {
  provider: Pick<Provider, "slug" | "kind">;
  model: ImportInput["models"][number];
  /** What fills in what `model` leaves out. */
  known: ModelFigures | null;
  marginPercent: string;
  sourceRef?: string;
};

/** One model of `importModels`, in a transaction of the caller's, who has judged the scope. */
export async function addOffered(tx: Tx, scope: StaffScope, offered: Offered): Promise<ModelRow> {
  const { provider, model, known, marginPercent } = offered;
  const { upstreamModel } = model;
  const id = model.id ?? suggestModelId(provider, upstreamModel);
  const cost: StoredRates | null = model.cost ?? known?.cost ?? null;
  const offer = {
    provider: provider.slug,
    upstreamModel,
    weight: 100,
    enabled: true,
    locked: false,
    ...(cost && { cost }),
  };
  const origin = { source: model.cost ? ("api" as const) : ("import" as const), sourceRef: sourceRefOf(offered) };
  const existing = (await tx.model.findUnique({ where: { id } })) && (await readModel(tx, id));
  if (existing) return saveModel(tx, scope, id, withOffer(existing, offer), origin);
  return saveModel(
    tx,
    scope,
    id,
    {
      type: model.type ?? known?.type ?? "chat",
      displayName: model.displayName ?? known?.name ?? null,
      contextWindow: model.contextWindow ?? known?.contextWindow ?? null,
      maxOutputTokens: model.maxOutputTokens ?? known?.maxOutputTokens ?? null,
      enabled: cost !== null,
      offers: [{ ...offer, priority: 0 }],
      ...(cost && { marginPercent }),
      capabilities: known && modalitiesOf(known),
      aliases: [],
      fallbacks: {},
    },
    origin,
  );
}

/** Features are left out: what a public catalogue does not tick is often merely not known there, and would exclude calls. */
function modalitiesOf({ input, output }: ModelFigures): ModelInput["capabilities"] {
  return { ...(input.length > 0 && { input: [...input] }), ...(output.length > 0 && { output: [...output] }) };
}

function withOffer(existing: ModelRow, offer: Omit<ModelInput["offers"][number], "priority">): ModelInput {
  const { type, displayName, contextWindow, maxOutputTokens, enabled, marginPercent, aliases, offers } = existing;
  const { capabilities, fallbacks } = existing;
  const kept = offers.map(({ id: _id, cost: _cost, ...rest }) => rest);
  const priority = Math.min(1000, Math.max(-1, ...kept.map((one) => one.priority)) + 1);
  return {
    ...{ type, displayName, contextWindow, maxOutputTokens, capabilities, enabled, aliases, fallbacks },
    offers: [...kept, { ...offer, priority }],
    ...(marginPercent !== null && { marginPercent }),
  };
}

function sourceRefOf({ sourceRef, known }: Offered): string | undefined {
  if (sourceRef) return sourceRef;
  const source = (known as Partial<SeedModel> | null)?.sources?.cost;
  return source && `${source.name} ${source.date}`;
}

function toFigures({ type, name, contextWindow, maxOutputTokens, released, cost, ...more }: SeedModel) {
  return {
    ...{ type, name, contextWindow, maxOutputTokens, released },
    inputModalities: [...more.input],
    outputModalities: [...more.output],
    capabilities: [...more.capabilities],
    cost: cost && formatRates(cost),
    sources: more.sources,
    disputed: [...more.disputed],
  };
}
