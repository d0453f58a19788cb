import { recordAudit } from "@/lib/audit/mutations";
import { addOffered } from "@/lib/catalog/admin-discovery";
import { compileOrgPrices } from "@/lib/catalog/admin-org-prices";
import { contentHash, ratesInForce, writeRates } from "@/lib/catalog/admin-prices";
import { findBySlug } from "@/lib/catalog/admin-providers";
import { findSync, toDetail } from "@/lib/catalog/admin-sync";
import type { ApplyInput, SyncDetail, SyncRow } from "@/lib/catalog/import-schema";
import { ratesInput, type StoredRates, withMargin } from "@/lib/catalog/rates";
import { findSeedModel } from "@/lib/catalog/seed";
import { change } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

type Tx = Prisma.TransactionClient;

/** What applying changed, kept so that undoing finds its way back. */
type Written =
  | { key: string; subject: "offer" | "model"; subjectId: string; before: StoredRates | null; after: StoredRates }
  | { key: string; switchedOff: string }
  | { key: string; added: { offerId: string; modelId: string; isNewModel: boolean } };

/** Applies the rows that a person ticked: costs as new versions from now or from `effectiveFrom` on, with the prices that
 *  follow them; new models with offers; offers that are used no more. What changed since the comparison is skipped and named.
 *  All in one transaction. Throws not_found, conflict where it was applied before, invalid_request for rows it does not have. */
export async function applySync(scope: StaffScope, id: string, input: ApplyInput): Promise<SyncDetail> {
  requireStaffPermission(scope, "models.manage");
  const { marginPercent, effectiveFrom = null, reason } = input;
  if (effectiveFrom && effectiveFrom <= new Date())
    throw new AppError("invalid_request", "effectiveFrom: must lie in the future.", { param: "effectiveFrom" });
  return change(scope, async (tx) => {
    await takeTurn(tx, id);
    const sync = await findSync(tx, id);
    if (sync.state !== "ready") throw new AppError("conflict", "This comparison was applied already.");
    const rows = chosen(toDetail(sync).rows, input.rows);
    if (marginPercent === undefined && rows.some(({ effect }) => effect === "add"))
      throw new AppError("invalid_request", "marginPercent: is needed for models that are new.", {
        param: "marginPercent",
      });
    const written: Written[] = [];
    const skipped: string[] = [];
    const repriced = new Set<string>();
    for (const row of rows) {
      const done = await applyRow(tx, scope, row, {
        sourceRef: id,
        marginPercent: marginPercent ?? "0",
        effectiveFrom,
      });
      if (!done) skipped.push(row.key);
      else written.push(done);
      if (done && !("added" in done)) repriced.add(row.model);
    }
    for (const modelId of [...repriced].sort()) written.push(...(await reprice(tx, scope, modelId, effectiveFrom)));
    const applied = rows.map(({ key }) => key).filter((key) => !skipped.includes(key));
    const result = { applied, skipped };
    const saved = await tx.catalogSync.update({
      where: { id },
      data: {
        ...{ state: "applied", appliedAt: new Date(), effectiveFrom, result },
        written: written as Prisma.InputJsonArray,
      },
    });
    await recordAudit(tx, scope, {
      action: "catalog.apply",
      target: `catalog_sync:${id}`,
      ...(reason && { reason }),
      after: { ...result, effectiveFrom: effectiveFrom?.toISOString() ?? null, marginPercent: marginPercent ?? null },
    });
    return toDetail(saved);
  });
}

/** Gives back what was before: new versions with the old rates (an applied one is history and stays), offers switched on, added
 *  ones taken away. What was changed since, and what had no cost before, stays and is named. Throws not_found, or conflict
 *  where there is nothing to undo. */
export async function undoSync(scope: StaffScope, id: string): Promise<SyncDetail> {
  requireStaffPermission(scope, "models.manage");
  return change(scope, async (tx) => {
    await takeTurn(tx, id);
    const sync = await findSync(tx, id);
    if (sync.state !== "applied")
      throw new AppError(
        "conflict",
        sync.state === "ready" ? "This comparison was not applied." : "This is undone already.",
      );
    const isAhead = sync.effectiveFrom !== null && sync.effectiveFrom > new Date();
    const from = isAhead ? sync.effectiveFrom : null;
    const [applied, skipped] = [new Set<string>(), new Set<string>()];
    const repriced = new Set<string>();
    // safe because applySync wrote it
    for (const one of sync.written as unknown as Written[]) {
      const isBack = await giveBack(tx, scope, one, { sourceRef: id, effectiveFrom: from });
      (isBack ? applied : skipped).add(one.key);
      if (isBack && "subject" in one && one.subject === "model") repriced.add(one.subjectId);
    }
    for (const modelId of [...repriced].sort()) await compileOrgPrices(tx, scope, { modelId });
    const undoResult = { applied: [...applied].filter((key) => !skipped.has(key)), skipped: [...skipped] };
    const saved = await tx.catalogSync.update({
      where: { id },
      data: { state: "undone", undoneAt: new Date(), undoResult },
    });
    await recordAudit(tx, scope, { action: "catalog.undo", target: `catalog_sync:${id}`, after: undoResult });
    return toDetail(saved);
  });
}

type Origin = { sourceRef: string; effectiveFrom: Date | null };

/** Null: it has changed since the comparison, or does nothing. */
async function applyRow(
  tx: Tx,
  scope: StaffScope,
  row: SyncRow,
  { sourceRef, marginPercent, effectiveFrom }: Origin & { marginPercent: string },
): Promise<Written | null> {
  const { key, effect } = row;
  if (effect === "none") return null;
  await lockModel(tx, row.model);
  if (effect === "add") return addRow(tx, scope, row, { sourceRef, marginPercent });
  const offerId = key.slice("offer:".length);
  const offer = await tx.offer.findUnique({ where: { id: offerId } });
  if (!offer || offer.locked) return null;
  if (effect === "disable") {
    if (!offer.enabled) return null;
    await tx.offer.update({ where: { id: offerId }, data: { enabled: false } });
    return { key, switchedOff: offerId };
  }
  const before = (await ratesInForce(tx, "offer", [offerId])).get(offerId) ?? null;
  const compared = row.before && ratesInput.parse(row.before);
  if (!isSame(before, compared)) return null;
  const after = ratesInput.parse(row.after);
  const version = { subject: "offer" as const, subjectId: offerId, rates: after, source: "import" as const };
  await writeRates(tx, scope, { ...version, sourceRef, effectiveFrom });
  return { key, subject: "offer", subjectId: offerId, before, after };
}

async function addRow(
  tx: Tx,
  scope: StaffScope,
  row: SyncRow,
  { sourceRef, marginPercent }: { sourceRef: string; marginPercent: string },
): Promise<Written | null> {
  const provider = await findBySlug(tx, row.provider).catch(() => null);
  if (!provider) return null;
  const { upstreamModel, model: modelId, after } = row;
  if (await tx.offer.findFirst({ where: { providerId: provider.id, upstreamModel } })) return null;
  const isNewModel = (await tx.model.count({ where: { id: modelId } })) === 0;
  const seed = findSeedModel(provider.kind, upstreamModel);
  const known = seed && { ...seed, cost: after && ratesInput.parse(after) };
  const model = { upstreamModel, id: modelId, ...(!known && after && { cost: ratesInput.parse(after) }) };
  const saved = await addOffered(tx, scope, { provider, model, known, marginPercent, sourceRef });
  const offer = saved.offers.find((one) => one.provider === row.provider && one.upstreamModel === upstreamModel);
  return { key: row.key, added: { offerId: offer?.id ?? "", modelId, isNewModel } };
}

/** A price that is a margin on the cost of the offer tried first follows it, from the same moment on. */
async function reprice(tx: Tx, scope: StaffScope, modelId: string, effectiveFrom: Date | null): Promise<Written[]> {
  const model = await tx.model.findUnique({
    where: { id: modelId },
    include: {
      offers: {
        where: { enabled: true, provider: { enabled: true } },
        orderBy: [{ priority: "asc" }, { id: "asc" }],
        take: 1,
      },
    },
  });
  const first = model?.offers[0];
  if (!model?.marginPercent || !first) return [];
  const cost = (await ratesInForce(tx, "offer", [first.id], effectiveFrom)).get(first.id);
  if (!cost) return [];
  const before = (await ratesInForce(tx, "model", [modelId], effectiveFrom)).get(modelId) ?? null;
  const after = withMargin(cost, model.marginPercent.toString());
  const version = { subject: "model" as const, subjectId: modelId, rates: after, source: "margin" as const };
  if (!(await writeRates(tx, scope, { ...version, effectiveFrom }))) return [];
  await compileOrgPrices(tx, scope, { modelId });
  return [{ key: `price:${modelId}`, subject: "model", subjectId: modelId, before, after }];
}

async function giveBack(
  tx: Tx,
  scope: StaffScope,
  one: Written,
  { sourceRef, effectiveFrom }: Origin,
): Promise<boolean> {
  if ("switchedOff" in one) {
    const { count } = await tx.offer.updateMany({
      where: { id: one.switchedOff, enabled: false },
      data: { enabled: true },
    });
    return count === 1;
  }
  if ("added" in one) return takeAway(tx, one.added);
  const { subject, subjectId, before, after } = one;
  const current = (await ratesInForce(tx, subject, [subjectId], effectiveFrom)).get(subjectId) ?? null;
  const exists =
    subject === "offer"
      ? await tx.offer.count({ where: { id: subjectId } })
      : await tx.model.count({ where: { id: subjectId } });
  // without a cost before there is nothing to give back: no version says "none"
  if (!before || exists === 0 || !isSame(current, after)) return false;
  const source = subject === "offer" ? ("import" as const) : ("margin" as const);
  await writeRates(tx, scope, { subject, subjectId, rates: before, source, sourceRef, effectiveFrom });
  return true;
}

async function takeAway(tx: Tx, added: { offerId: string; modelId: string; isNewModel: boolean }): Promise<boolean> {
  const { count } = await tx.offer.deleteMany({ where: { id: added.offerId } });
  if (count === 0) return false;
  if (added.isNewModel) await tx.model.deleteMany({ where: { id: added.modelId, offers: { none: {} } } });
  return true;
}

function chosen(rows: readonly SyncRow[], keys: readonly string[]): SyncRow[] {
  const known = new Map(rows.map((row) => [row.key, row]));
  return [...new Set(keys)].map((key) => {
    const row = known.get(key);
    if (!row) throw new AppError("invalid_request", `rows: there is no row "${key}".`, { param: "rows" });
    return row;
  });
}

function isSame(one: StoredRates | null, other: StoredRates | null): boolean {
  return one && other ? contentHash(one) === contentHash(other) : one === other;
}

/** One person's click at a time. */
async function takeTurn(tx: Tx, id: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM catalog_sync WHERE id = ${id} FOR UPDATE`;
}

async function lockModel(tx: Tx, id: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`model:${id}`}, 0))`;
}
