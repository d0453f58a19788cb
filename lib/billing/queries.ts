import { db } from "@/lib/db";
import { AppError } from "@/lib/errors";
import { formatUsd } from "@/lib/money";
import type { Scope } from "@/lib/orgs/scope";

/** What the organisation has, as decimal USD strings. `availableUsd` is null where nobody pays (enterprise). */
export type OrgBalance = {
  availableUsd: string | null;
  heldUsd: string;
  purchasedUsd: string;
  promotionalUsd: string;
  nextExpiryAt: string | null;
  status: "active" | "frozen" | "closed";
};

/** Every member sees the balance: without it a refused call cannot be explained. Throws not_found. */
export async function getBalance(scope: Scope): Promise<OrgBalance> {
  const { orgId } = scope;
  const [wallet, lots] = await Promise.all([
    db().wallet.findUnique({ where: { orgId } }),
    db().creditLot.groupBy({ by: ["source"], where: { orgId, remaining: { gt: 0 } }, _sum: { remaining: true } }),
  ]);
  if (!wallet) throw new AppError("not_found", "This organisation has no wallet.");
  const { posted, held, floor, status, nextExpiryAt } = wallet;
  const left = (wanted: (source: string) => boolean) =>
    lots.reduce((total, { source, _sum }) => (wanted(source) ? total + (_sum.remaining ?? 0n) : total), 0n);
  return {
    availableUsd: floor === null ? null : formatUsd(posted - held - floor),
    heldUsd: formatUsd(held),
    purchasedUsd: formatUsd(left((source) => source === "paid")),
    promotionalUsd: formatUsd(left((source) => source !== "paid")),
    nextExpiryAt: nextExpiryAt?.toISOString() ?? null,
    // safe because a CHECK allows no other value
    status: status as OrgBalance["status"],
  };
}
