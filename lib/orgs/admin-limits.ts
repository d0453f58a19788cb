import { AppError } from "@/lib/errors";
import { formatUsd, type Nano, parseUsd } from "@/lib/money";
import { type BudgetPeriod, type DailyCap, type LimitPatch, type Limits, limitFields } from "@/lib/orgs/schema";
import type { LimitState, Prisma } from "@/prisma/generated/client";

/** Whose limits: of an organisation, as the operator sets them, or of one of its keys. */
export type LimitTarget = { orgId: string; scope: "org" | "key"; scopeId: string };

export type AllLimits = Limits & DailyCap;

export const NO_LIMITS: AllLimits = {
  budgetUsd: null,
  budgetPeriod: null,
  spentUsd: null,
  rpm: null,
  tpm: null,
  maxConcurrency: null,
  dailyCapUsd: null,
  spentTodayUsd: null,
};

export function hasLimits(patch: LimitPatch): boolean {
  return Object.keys(limitFields).some((name) => patch[name as keyof LimitPatch] !== undefined);
}

/** Limits by scope id; what has none is absent. */
export async function limitsOf(
  tx: Pick<Prisma.TransactionClient, "limitState">,
  targets: LimitTarget[],
): Promise<Map<string, AllLimits>> {
  const rows = await tx.limitState.findMany({ where: { OR: targets.map((target) => ({ ...target })) } });
  const byTarget = Map.groupBy(rows, ({ scopeId }) => scopeId);
  return new Map([...byTarget].map(([scopeId, own]) => [scopeId, toLimits(own)]));
}

/** Fields that are absent stay as they are, null removes a limit. A budget has one period; another one replaces it and
 *  starts with what has been spent in it. A daily cap stands beside a budget of another period; a budget of the day takes its
 *  place, and when it goes the default cap comes back. Binds from the next call on. Throws invalid_request for a period without a
 *  budget, and for a cap beside a budget of the day. */
export async function changeLimits(
  tx: Prisma.TransactionClient,
  target: LimitTarget,
  patch: LimitPatch & { dailyCapUsd?: Nano | null | undefined },
  defaultCap: Nano | null = null,
): Promise<void> {
  const current = (await limitsOf(tx, [target])).get(target.scopeId) ?? NO_LIMITS;
  const { rpm, tpm, maxConcurrency } = patch;
  const budgets = budgetChanges(current, patch);
  const cap = capChange(current, budgets, patch.dailyCapUsd, defaultCap);
  const changes = { ...budgets, ...cap, rpm, tpm, maxConcurrency };
  if (Object.values(changes).every((value) => value === undefined)) return;
  await tx.$executeRaw`SELECT set_limits(${target.orgId}, ${target.scope}, ${target.scopeId}, ${JSON.stringify(changes)}::jsonb)`;
}

/** Amounts travel as text, since JSON numbers lose digits. */
function budgetChanges(
  current: Limits,
  { budgetUsd, budgetPeriod }: LimitPatch,
): Partial<Record<BudgetPeriod, string | null>> {
  if (budgetUsd === undefined && budgetPeriod === undefined) return {};
  // the day's row may be a cap, which stays
  const none = { week: null, month: null, total: null, ...(current.budgetPeriod === "day" && { day: null }) };
  if (budgetUsd === null) return none;
  const amountNano = budgetUsd ?? (current.budgetUsd === null ? null : parseUsd(current.budgetUsd));
  if (amountNano === null) {
    throw new AppError("invalid_request", "budgetPeriod: needs a budgetUsd.", { param: "budgetPeriod" });
  }
  const period = budgetPeriod ?? current.budgetPeriod ?? "total";
  return { ...none, [period]: amountNano.toString() };
}

function capChange(
  current: AllLimits,
  budgets: Partial<Record<BudgetPeriod, string | null>>,
  dailyCapUsd: Nano | null | undefined,
  defaultCap: Nano | null,
): { cap?: string | null } {
  const hasDayBudget = budgets.day === undefined ? current.budgetPeriod === "day" : budgets.day !== null;
  if (hasDayBudget) {
    if (dailyCapUsd == null) return {};
    throw new AppError("invalid_request", "dailyCapUsd: the budget of the day is the cap. Change that instead.", {
      param: "dailyCapUsd",
    });
  }
  if (dailyCapUsd !== undefined) return { cap: dailyCapUsd?.toString() ?? null };
  return budgets.day === null && defaultCap !== null ? { cap: defaultCap.toString() } : {};
}

function toLimits(rows: LimitState[]): AllLimits {
  const rate = rows.find(({ period }) => period === "rate");
  const budget = rows.find(({ period, isCap }) => period !== "rate" && !isCap);
  const cap = rows.find(({ isCap }) => isCap);
  return {
    budgetUsd: formatOptional(budget?.budget),
    // safe because a CHECK allows no other value
    budgetPeriod: (budget?.period as BudgetPeriod | undefined) ?? null,
    spentUsd: budget ? formatUsd(isOver(budget) ? 0n : budget.spent) : null,
    rpm: rate?.rpm ?? null,
    tpm: rate?.tpm == null ? null : Number(rate.tpm),
    maxConcurrency: rate?.maxConcurrency ?? null,
    dailyCapUsd: formatOptional(cap?.budget),
    spentTodayUsd: cap ? formatUsd(isOver(cap) ? 0n : cap.spent) : null,
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
