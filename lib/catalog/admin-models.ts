import { recordAudit } from "@/lib/audit/mutations";
import { compileOrgPrices } from "@/lib/catalog/admin-org-prices";
import { ratesInForce, writeRates } from "@/lib/catalog/admin-prices";
import { formatRates, type StoredRates, withMargin } from "@/lib/catalog/rates";
import type { ConfigurationPage, ModelInput, ModelRow } from "@/lib/catalog/schema";
import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { change, db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import { type Model, type ModelAlias, type Offer, Prisma, type Provider } from "@/prisma/generated/client";

type WholeModel = Model & { aliases: ModelAlias[]; offers: (Offer & { provider: Provider })[] };
type Tx = Prisma.TransactionClient;

const WHOLE = {
  aliases: { orderBy: { alias: "asc" } },
  offers: { include: { provider: true }, orderBy: [{ priority: "asc" }, { id: "asc" }] },
} satisfies Prisma.ModelInclude;

export async function listModels(
  scope: StaffScope,
  { limit, cursor }: ConfigurationPage,
): Promise<{ data: ModelRow[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "models.read");
  const after = cursor && decodeCursor(cursor, 1)[0];
  const rows = await db().model.findMany({
    where: after ? { id: { gt: after } } : {},
    include: WHOLE,
    orderBy: { id: "asc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  return {
    data: await toRows(db(), page),
    nextCursor: rows.length > limit ? encodeCursor(page.at(-1)?.id ?? "") : null,
  };
}

/** Throws not_found. */
export async function getModel(scope: StaffScope, id: string): Promise<ModelRow> {
  requireStaffPermission(scope, "models.read");
  return readModel(db(), id);
}

/** Creates or replaces a model with its offers and aliases. Prices and costs are appended where they changed and stay as
 *  they are where they are left out. Idempotent. Throws invalid_request for an unknown provider or a margin without a cost,
 *  conflict for a name that another model has. */
export async function putModel(scope: StaffScope, id: string, input: ModelInput): Promise<ModelRow> {
  requireStaffPermission(scope, "models.manage");
  return change(scope, (tx) => saveModel(tx, scope, id, input));
}

/** Where the costs of a model come from that is not typed by somebody. */
export type CostOrigin = { source: "api" | "import"; sourceRef?: string };

/** The same inside a transaction of the caller's, who has judged the scope. */
export async function saveModel(
  tx: Tx,
  scope: StaffScope,
  id: string,
  input: ModelInput,
  origin: CostOrigin = { source: "api" },
): Promise<ModelRow> {
  // two writers of one model take turns, so versions and offers never interleave
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`model:${id}`}, 0))`;
  const existing = await tx.model.findUnique({ where: { id }, include: WHOLE });
  const before = existing && (await toRows(tx, [existing]))[0];
  await requireFreeNames(tx, id, input.aliases);
  await requireFallbacks(tx, id, input.fallbacks);
  const {
    type,
    displayName = null,
    contextWindow = null,
    maxOutputTokens = null,
    capabilities = null,
    enabled,
    marginPercent = null,
  } = input;
  const data = {
    ...{ type, displayName, contextWindow, maxOutputTokens, enabled, marginPercent, updatedAt: new Date() },
    capabilities: json(capabilities),
  };
  await tx.model.upsert({ where: { id }, create: { id, ...data }, update: data });
  await replaceAliases(tx, id, input);
  const offers = await replaceOffers(tx, id, input, existing?.offers ?? []);
  for (const { offerId, cost } of offers) {
    if (cost) await writeRates(tx, scope, { subject: "offer", subjectId: offerId, rates: cost, ...origin });
  }
  const price = input.price ?? (marginPercent === null ? null : await compileMargin(tx, marginPercent, offers));
  const source = input.price ? ("api" as const) : ("margin" as const);
  const { priceEffectiveFrom: effectiveFrom } = input;
  if (effectiveFrom && effectiveFrom <= new Date())
    throw new AppError("invalid_request", "priceEffectiveFrom: must lie in the future.", {
      param: "priceEffectiveFrom",
    });
  const version = price && { subject: "model" as const, subjectId: id, rates: price, source };
  if (version && (await writeRates(tx, scope, { ...version, effectiveFrom: effectiveFrom ?? null })))
    await compileOrgPrices(tx, scope, { modelId: id });
  const after = await readModel(tx, id);
  await recordAudit(tx, scope, {
    action: existing ? "model.update" : "model.create",
    target: `model:${id}`,
    before: before ? facts(before) : undefined,
    after: facts(after),
  });
  return after;
}

/** Calls in flight end; the next one is answered 404. Its usage and price history stay. Throws not_found. */
export async function deleteModel(scope: StaffScope, id: string): Promise<{ id: string; deleted: true }> {
  requireStaffPermission(scope, "models.manage");
  return change(scope, async (tx) => {
    const before = await readModel(tx, id);
    await tx.model.delete({ where: { id } });
    await recordAudit(tx, scope, { action: "model.delete", target: `model:${id}`, before: facts(before) });
    return { id, deleted: true };
  });
}

type SavedOffer = { offerId: string; priority: number; enabled: boolean; cost: StoredRates | undefined };

/** An offer that stays keeps its id, and with it its cost history. Returned in the order given. */
async function replaceOffers(
  tx: Tx,
  modelId: string,
  input: ModelInput,
  existing: WholeModel["offers"],
): Promise<SavedOffer[]> {
  const slugs = input.offers.map(({ provider }) => provider);
  const providers = new Map(
    (await tx.provider.findMany({ where: { slug: { in: slugs } } })).map((row) => [row.slug, row]),
  );
  const saved: SavedOffer[] = [];
  for (const [index, offer] of input.offers.entries()) {
    const provider = providers.get(offer.provider);
    if (!provider) {
      const param = `offers.${index}.provider`;
      throw new AppError("invalid_request", `${param}: there is no provider "${offer.provider}".`, { param });
    }
    const { upstreamModel, priority, weight, enabled, locked, cost, contextWindow = null } = offer;
    const known = existing.find((row) => row.providerId === provider.id && row.upstreamModel === upstreamModel);
    const offerId = known?.id ?? newId("off");
    const own = { capabilities: json(offer.capabilities), timeouts: json(offer.timeouts) };
    const data = { priority, weight, enabled, locked, contextWindow, ...own };
    if (known) await tx.offer.update({ where: { id: offerId }, data });
    else await tx.offer.create({ data: { id: offerId, modelId, providerId: provider.id, upstreamModel, ...data } });
    saved.push({ offerId, priority, enabled: enabled && provider.enabled, cost });
  }
  await tx.offer.deleteMany({ where: { modelId, id: { notIn: saved.map(({ offerId }) => offerId) } } });
  return saved;
}

/** The price follows the offer that is tried first; a failover to a dearer one eats margin, never the tenant's price. */
async function compileMargin(tx: Tx, marginPercent: string, offers: SavedOffer[]): Promise<StoredRates> {
  const [first] = offers.filter(({ enabled }) => enabled).toSorted((a, b) => a.priority - b.priority);
  const cost = first && (first.cost ?? (await ratesInForce(tx, "offer", [first.offerId])).get(first.offerId));
  if (cost) return withMargin(cost, marginPercent);
  throw new AppError("invalid_request", "marginPercent: needs an enabled offer with a cost.", {
    param: "marginPercent",
  });
}

async function requireFreeNames(tx: Tx, id: string, aliases: string[]): Promise<void> {
  const taken = await tx.modelAlias.findFirst({ where: { alias: { in: [id, ...aliases] }, modelId: { not: id } } });
  if (taken) {
    const param = taken.alias === id ? "id" : "aliases";
    throw new AppError("conflict", `${param}: "${taken.alias}" is an alias of model "${taken.modelId}".`, { param });
  }
  const model = await tx.model.findFirst({ where: { id: { in: aliases, not: id } } });
  if (model) throw new AppError("conflict", `aliases: "${model.id}" is a model of its own.`, { param: "aliases" });
}

async function requireFallbacks(tx: Tx, id: string, fallbacks: ModelInput["fallbacks"]): Promise<void> {
  for (const [alias, names] of Object.entries(fallbacks)) {
    const param = `fallbacks.${alias}`;
    if (names.includes(id))
      throw new AppError("invalid_request", `${param}: "${id}" is the model that the others stand in for.`, { param });
    const found = await tx.model.findMany({ where: { id: { in: names } }, select: { id: true } });
    const unknown = names.find((name) => !found.some((model) => model.id === name));
    if (unknown) throw new AppError("invalid_request", `${param}: there is no model "${unknown}".`, { param });
  }
}

async function replaceAliases(tx: Tx, modelId: string, { aliases, fallbacks }: ModelInput): Promise<void> {
  const wanted = [...new Set(aliases)].filter((alias) => alias !== modelId);
  await tx.modelAlias.deleteMany({ where: { modelId, alias: { notIn: wanted } } });
  for (const alias of wanted) {
    const data = { modelId, fallbacks: fallbacks[alias] ?? [] };
    await tx.modelAlias.upsert({ where: { alias }, create: { alias, ...data }, update: data });
  }
}

/** Throws not_found. */
export async function readModel(tx: Pick<Tx, "model" | "$queryRaw">, id: string): Promise<ModelRow> {
  const found = await tx.model.findUnique({ where: { id }, include: WHOLE });
  const [row] = found ? await toRows(tx, [found]) : [];
  if (!row) throw new AppError("not_found", `There is no model "${id}".`);
  return row;
}

async function toRows(tx: Pick<Tx, "$queryRaw">, models: WholeModel[]): Promise<ModelRow[]> {
  const prices = await ratesInForce(
    tx,
    "model",
    models.map(({ id }) => id),
  );
  const costs = await ratesInForce(
    tx,
    "offer",
    models.flatMap(({ offers }) => offers.map(({ id }) => id)),
  );
  const written = (rates: StoredRates | undefined) => (rates ? formatRates(rates) : null);
  return models.map(({ aliases, offers, marginPercent, createdAt, updatedAt, ...model }) => ({
    ...model,
    // safe because only putModel writes the column
    type: model.type as ModelRow["type"],
    marginPercent: marginPercent?.toString() ?? null,
    // safe because only putModel writes these columns too
    capabilities: model.capabilities as ModelRow["capabilities"],
    offers: offers.map(({ id, provider, upstreamModel, priority, weight, enabled, locked, contextWindow, ...own }) => ({
      id,
      provider: provider.slug,
      upstreamModel,
      priority,
      weight,
      enabled,
      locked,
      cost: written(costs.get(id)),
      contextWindow,
      capabilities: own.capabilities as ModelRow["capabilities"],
      timeouts: own.timeouts as ModelRow["offers"][number]["timeouts"],
    })),
    price: written(prices.get(model.id)),
    aliases: aliases.map(({ alias }) => alias),
    fallbacks: Object.fromEntries(
      aliases.filter(({ fallbacks }) => fallbacks.length > 0).map(({ alias, fallbacks }) => [alias, fallbacks]),
    ),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }));
}

/** SQL NULL, not the JSON word. */
function json(value: Prisma.InputJsonObject | null | undefined) {
  return value ?? Prisma.DbNull;
}

function facts({ createdAt: _createdAt, updatedAt: _updatedAt, ...row }: ModelRow): Prisma.InputJsonObject {
  // safe because a DTO is JSON
  return row as unknown as Prisma.InputJsonObject;
}
