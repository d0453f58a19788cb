import { recordAudit } from "@/lib/audit/mutations";
import { contentHash } from "@/lib/catalog/admin-prices";
import { compileOrgPrice, type PriceVersionFacts } from "@/lib/catalog/org-prices";
import { formatRates, type StoredRates } from "@/lib/catalog/rates";
import type { OrgPriceInput, OrgPriceRow } from "@/lib/catalog/schema";
import { change, db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { PriceVersion, Prisma } from "@/prisma/generated/client";

type Tx = Prisma.TransactionClient;

/** An organisation's default factor is a version of subject `org`; its own price of a model one of the model's. */
const DEFAULT_SUBJECT = "org";

/** What was agreed with an organisation and holds now or later, the newest agreement first. Throws not_found. */
export async function listOrgPrices(scope: StaffScope, orgId: string): Promise<OrgPriceRow[]> {
  requireStaffPermission(scope, "models.read");
  await requireOrg(db(), orgId);
  const versions = await db().priceVersion.findMany({
    where: { orgId, source: { not: "compiled" } },
    orderBy: [{ effectiveFrom: "desc" }, { id: "desc" }],
  });
  const now = new Date();
  const seen = new Set<string>();
  return versions.flatMap((version) => {
    const isComing = version.effectiveFrom > now;
    const isFirst = !seen.has(version.subjectId);
    if (!isComing) seen.add(version.subjectId);
    return isComing || (isFirst && version.source !== "cleared") ? [toRow(version)] : [];
  });
}

/** Sets what an organisation pays: rates or a factor for one model, or a default factor for all; `remove` ends it. Appends
 *  versions, never edits. Calls that run keep the price they were admitted with. Idempotent. Throws not_found, and
 *  invalid_request for a moment that is over. */
export async function setOrgPrice(scope: StaffScope, orgId: string, input: OrgPriceInput): Promise<OrgPriceRow[]> {
  requireStaffPermission(scope, "models.manage");
  const { model = null, price, factorBp, remove = false, effectiveFrom, reason } = input;
  return change(scope, async (tx) => {
    await requireOrg(tx, orgId);
    if (model !== null && !(await tx.model.findUnique({ where: { id: model }, select: { id: true } })))
      throw new AppError("not_found", `There is no model "${model}".`, { param: "model" });
    if (effectiveFrom && effectiveFrom <= new Date())
      throw new AppError("invalid_request", "effectiveFrom: must lie in the future.", { param: "effectiveFrom" });
    await takeTurn(tx);
    const rates: StoredRates = price ?? {};
    await tx.priceVersion.create({
      data: {
        subject: model === null ? DEFAULT_SUBJECT : "model",
        subjectId: model ?? orgId,
        orgId,
        rates,
        factorBp: factorBp ?? 10_000,
        contentHash: contentHash(rates, factorBp),
        source: remove ? "cleared" : "api",
        createdBy: scope.actor.id,
        reason: reason ?? null,
        ...(effectiveFrom && { effectiveFrom }),
      },
    });
    await compileOrgPrices(tx, scope, { orgId, ...(model !== null && { modelId: model }) });
    await recordAudit(tx, scope, {
      action: "price.agree",
      target: `org:${orgId}`,
      orgId,
      ...(reason && { reason }),
      after: {
        model,
        factorBp,
        remove,
        price: price && formatRates(price),
        effectiveFrom: effectiveFrom?.toISOString(),
      } as Prisma.InputJsonObject,
    });
  }).then(() => listOrgPrices(scope, orgId));
}

/** Writes out what agreed factors come to, for one model, one organisation or both. Call it in the transaction that changes a
 *  list price or an agreement. */
export async function compileOrgPrices(
  tx: Tx,
  scope: StaffScope,
  { orgId, modelId }: { orgId?: string; modelId?: string },
): Promise<void> {
  await takeTurn(tx);
  const agreed = await tx.priceVersion.findMany({ where: { orgId: orgId ?? { not: null } } });
  if (agreed.length === 0) return;
  const list = await tx.priceVersion.findMany({
    where: { subject: "model", orgId: null, ...(modelId !== undefined && { subjectId: modelId }) },
  });
  const clock = await tx.$queryRaw<{ now: Date }[]>`SELECT clock_timestamp() AS now`;
  const now = clock[0]?.now ?? new Date();
  const lists = Map.groupBy(list, ({ subjectId }) => subjectId);
  for (const [org, own] of Map.groupBy(agreed, (version) => version.orgId as string)) {
    const defaults = own.filter(({ subject }) => subject === DEFAULT_SUBJECT).map(toFacts);
    const byModel = Map.groupBy(
      own.filter(({ subject }) => subject === "model"),
      ({ subjectId }) => subjectId,
    );
    const models = modelId !== undefined ? [modelId] : [...new Set([...byModel.keys(), ...lists.keys()])];
    const compiled = models.flatMap((subjectId) => {
      const sources = { list: lists.get(subjectId) ?? [], own: byModel.get(subjectId) ?? [] };
      return compileOrgPrice({ list: sources.list.map(toFacts), own: sources.own.map(toFacts), defaults }, now).map(
        ({ effectiveFrom, rates, factorBp, listVersionId }) => ({
          ...{ subject: "model", subjectId, orgId: org, rates, factorBp, createdBy: scope.actor.id },
          ...{
            contentHash: contentHash(rates, factorBp),
            source: "compiled",
            sourceRef: listVersionId?.toString() ?? null,
          },
          effectiveFrom: effectiveFrom ?? now,
        }),
      );
    });
    if (compiled.length > 0) await tx.priceVersion.createMany({ data: compiled });
  }
}

/** Agreements and list prices are compiled by one writer at a time, so that none is compiled from half of a change. */
async function takeTurn(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended('org-prices', 0))`;
}

async function requireOrg(tx: Pick<Tx, "org">, id: string): Promise<void> {
  if (!(await tx.org.findUnique({ where: { id }, select: { id: true } })))
    throw new AppError("not_found", `There is no organisation "${id}".`);
}

function toFacts({ id, effectiveFrom, rates, factorBp, source }: PriceVersion): PriceVersionFacts {
  const kind = source === "compiled" || source === "cleared" ? source : "authored";
  // safe because only these files and the seed write the column
  return { id, effectiveFrom, rates: rates as StoredRates, factorBp, kind };
}

function toRow({ subject, subjectId, effectiveFrom, rates, factorBp, source, reason }: PriceVersion): OrgPriceRow {
  // safe as in toFacts
  const stored = rates as StoredRates;
  return {
    model: subject === DEFAULT_SUBJECT ? null : subjectId,
    price: Object.keys(stored).length > 0 ? formatRates(stored) : null,
    factorBp,
    removed: source === "cleared",
    effectiveFrom: effectiveFrom.toISOString(),
    reason,
  };
}
