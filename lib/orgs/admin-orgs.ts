import { recordAudit } from "@/lib/audit/mutations";
import { decodeCursor, encodeCursor } from "@/lib/cursor";
import { change, db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import { changeLimits, hasLimits, limitsOf, NO_LIMITS } from "@/lib/orgs/admin-limits";
import { openOrg } from "@/lib/orgs/mutations";
import type { Limits, OrgInput, OrgPatch, OrgRow, Page } from "@/lib/orgs/schema";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import type { Org, Prisma } from "@/prisma/generated/client";

export async function listOrgs(
  scope: StaffScope,
  { limit, cursor }: Page,
): Promise<{ data: OrgRow[]; nextCursor: string | null }> {
  requireStaffPermission(scope, "orgs.read");
  const after = cursor && decodeCursor(cursor, 1)[0];
  const rows = await db().org.findMany({
    where: after ? { id: { lt: after } } : {},
    orderBy: { id: "desc" },
    take: limit + 1,
  });
  const page = rows.slice(0, limit);
  const limits = await limitsOf(
    db(),
    page.map(({ id }) => ({ orgId: id, scope: "org", scopeId: id })),
  );
  return {
    data: page.map((row) => toRow(row, limits.get(row.id))),
    nextCursor: rows.length > limit ? encodeCursor(page.at(-1)?.id ?? "") : null,
  };
}

/** Throws not_found. */
export async function getOrg(scope: StaffScope, id: string): Promise<OrgRow> {
  requireStaffPermission(scope, "orgs.read");
  const row = await findOrg(db(), id);
  const limits = await limitsOf(db(), [{ orgId: id, scope: "org", scopeId: id }]);
  return toRow(row, limits.get(id));
}

/** Makes the organisation with its ledger account and an empty wallet; starter credit is for self-service sign-ups only.
 *  Throws conflict when a given slug is taken; a slug made from the name is made unique. */
export async function createOrg(scope: StaffScope, input: OrgInput): Promise<OrgRow> {
  requireStaffPermission(scope, "orgs.manage");
  return change(scope, async (tx) => {
    const { name, slug, timeZone } = input;
    const opened = await openOrg(tx, { name, slug, timeZone });
    const { id } = opened;
    const { allowedModels } = input;
    const row = allowedModels ? await tx.org.update({ where: { id }, data: { allowedModels } }) : opened;
    if (input.ownerEmail) await addOwner(tx, id, input.ownerEmail);
    const target = { orgId: id, scope: "org", scopeId: id } as const;
    if (hasLimits(input)) await changeLimits(tx, target, input);
    const limits = (await limitsOf(tx, [target])).get(id);
    await recordAudit(tx, scope, {
      action: "org.create",
      target: `org:${id}`,
      orgId: id,
      after: { ...facts(row, limits), ownerEmail: input.ownerEmail },
    });
    return toRow(row, limits);
  });
}

/** Renames, suspends or limits. A suspended organisation's keys are refused from the next call on. Throws not_found. */
export async function updateOrg(scope: StaffScope, id: string, patch: OrgPatch): Promise<OrgRow> {
  requireStaffPermission(scope, "orgs.manage");
  return change(scope, async (tx) => {
    const before = await findOrg(tx, id);
    const target = { orgId: id, scope: "org", scopeId: id } as const;
    const limitsBefore = (await limitsOf(tx, [target])).get(id);
    if (patch.slug && patch.slug !== before.slug && (await tx.org.findUnique({ where: { slug: patch.slug } }))) {
      throw new AppError("conflict", `slug: "${patch.slug}" is taken.`, { param: "slug" });
    }
    const status =
      patch.status ?? (patch.suspended === undefined ? undefined : patch.suspended ? "suspended" : "active");
    const row = await tx.org.update({
      where: { id },
      data: {
        name: patch.name,
        slug: patch.slug,
        timeZone: patch.timeZone,
        status,
        allowedModels: patch.allowedModels,
      },
    });
    if (hasLimits(patch)) await changeLimits(tx, target, patch);
    const limits = (await limitsOf(tx, [target])).get(id);
    await recordAudit(tx, scope, {
      action: "org.update",
      target: `org:${id}`,
      orgId: id,
      reason: patch.reason,
      before: facts(before, limitsBefore),
      after: facts(row, limits),
    });
    return toRow(row, limits);
  });
}

/** Throws not_found. */
export async function findOrg(tx: Pick<Prisma.TransactionClient, "org">, id: string): Promise<Org> {
  const row = await tx.org.findUnique({ where: { id } });
  if (!row) throw new AppError("not_found", `There is no organisation "${id}".`);
  return row;
}

/** A person without an account gets one, without a password: they sign in by a link. */
async function addOwner(tx: Prisma.TransactionClient, orgId: string, ownerEmail: string): Promise<void> {
  const email = ownerEmail.normalize("NFKC").toLowerCase();
  const user =
    (await tx.user.findUnique({ where: { email } })) ?? (await tx.user.create({ data: { id: newId("usr"), email } }));
  await tx.member.create({ data: { id: newId("mem"), orgId, userId: user.id, role: "owner" } });
}

function facts({ slug, name, status, timeZone, allowedModels }: Org, limits: Limits | undefined) {
  return { slug, name, status, timeZone, allowedModels, ...(limits ?? NO_LIMITS) };
}

function toRow(row: Org, limits: Limits | undefined): OrgRow {
  const { id, slug, name, status, timeZone, allowedModels, createdAt } = row;
  return {
    id,
    slug,
    name,
    timeZone,
    allowedModels,
    // safe because a CHECK allows no other value
    status: status as OrgRow["status"],
    ...(limits ?? NO_LIMITS),
    createdAt: createdAt.toISOString(),
  };
}
