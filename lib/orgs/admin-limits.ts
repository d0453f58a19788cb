import { AppError } from "@/lib/errors";
import { formatUsd, type Nano, parseUsd } from "@/lib/money";
import { type BudgetPeriod, type LimitPatch, type Limits, limitFields } from "@/lib/orgs/schema";
import type { LimitState, Prisma } from "@/prisma/generated/client";

/** Whose limits: of an organisation itself, of one of its keys, or of one of its members. */
export type LimitTarget = { orgId: string; scope: "org" | "key" | "member"; scopeId: string };

export const NO_LIMITS: Limits = {
  budgetUsd: null,
  budgetPeriod: null,
  spentUsd: null,
  rpm: null,
  tpm: null,
  maxConcurrency: null,
};

export function hasLimits(patch: LimitPatch): boolean {
  return Object.keys(limitFields).some((name) => patch[name as keyof LimitPatch] !== undefined);
}

/** Limits by scope id; what has none is absent. */
export async function limitsOf(
  tx: Pick<Prisma.TransactionClient, "limitState">,
  targets: LimitTarget[],
): Promise<Map<string, Limits>> {
  const rows = await tx.limitState.findMany({ where: { OR: targets.map((target) => ({ ...target })) } });
  const byTarget = Map.groupBy(rows, ({ scopeId }) => scopeId);
  return new Map([...byTarget].map(([scopeId, own]) => [scopeId, toLimits(own)]));
}

/** Fields that are absent stay as they are, null removes a limit. A budget has one period; another one replaces it and
 *  starts with what has been spent in it. Binds from the next call on. Throws invalid_request for a period without a budget. */
export async function changeLimits(
  tx: Prisma.TransactionClient,
  target: LimitTarget,
  patch: LimitPatch,
): Promise<void> {
  const current = (await limitsOf(tx, [target])).get(target.scopeId) ?? NO_LIMITS;
  const { rpm, tpm, maxConcurrency } = patch;
  const changes = { ...budgetChanges(current, patch), rpm, tpm, maxConcurrency };
  if (Object.values(changes).every((value) => value === undefined)) return;
  await tx.$executeRaw`SELECT set_limits(${target.orgId}, ${target.scope}, ${target.scopeId}, ${JSON.stringify(changes)}::jsonb)`;
}

/** Amounts travel as text, since JSON numbers lose digits. */
function budgetChanges(
  current: Limits,
  { budgetUsd, budgetPeriod }: LimitPatch,
): Partial<Record<BudgetPeriod, string | null>> {
  if (budgetUsd === undefined && budgetPeriod === undefined) return {};
  const none = { day: null, week: null, month: null, total: null };
  if (budgetUsd === null) return none;
  const amountNano = budgetUsd ?? (current.budgetUsd === null ? null : parseUsd(current.budgetUsd));
  if (amountNano === null) {
    throw new AppError("invalid_request", "budgetPeriod: needs a budgetUsd.", { param: "budgetPeriod" });
  }
  const period = budgetPeriod ?? current.budgetPeriod ?? "total";
  return { ...none, [period]: amountNano.toString() };
}

function toLimits(rows: LimitState[]): Limits {
  const rate = rows.find(({ period }) => period === "rate");
  const budget = rows.find(({ period }) => period !== "rate");
  return {
    budgetUsd: formatOptional(budget?.budget),
    // safe because a CHECK allows no other value
    budgetPeriod: (budget?.period as BudgetPeriod | undefined) ?? null,
    spentUsd: budget ? formatUsd(isOver(budget) ? 0n : budget.spent) : null,
    rpm: rate?.rpm ?? null,
    tpm: rate?.tpm == null ? null : Number(rate.tpm),
    maxConcurrency: rate?.maxConcurrency ?? null,
  };
}

function formatOptional(amountNano: Nano | null | undefined): string | null {
  return amountNano == null ? null : formatUsd(amountNano);
}

/** Periods roll when they are next written, so a stored one may lie in the past. */
function isOver({ period, periodStart }: LimitState): boolean {
  if (!periodStart) return false;
  const now = new Date();
  const day = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const begins: Record<string, number> = {
    day,
    week: day - ((now.getUTCDay() + 6) % 7) * 86_400_000,
    month: Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1),
  };
  return periodStart.getTime() < (begins[period] ?? 0);
}
