import type { ShellBalance } from "@/components/shell/balance-pill";
import type { OrgScope } from "@/lib/auth/require-org";
import { getBalance } from "@/lib/billing/queries";
import { formatMoney } from "@/lib/format-money";
import { parseUsd } from "@/lib/money";
import { monthStart } from "@/lib/time-range";
import { sumOrgCosts } from "@/lib/usage/queries";

const LOW_NANO = parseUsd("1");

/** Left to spend; in enterprise mode, where nobody pays, this month's cost. */
export async function readShellBalance(
  scope: OrgScope,
  mode: "service" | "enterprise",
  locale: string,
): Promise<ShellBalance | null> {
  const { slug } = scope.org;
  const maySeeSums = scope.permissions.has("usage.sums");
  if (mode === "enterprise") {
    if (!maySeeSums) return null;
    const from = monthStart(new Date(), scope.org.timeZone);
    const [sum] = await sumOrgCosts(scope, { from, groupBy: [], timeZone: scope.org.timeZone, limit: 1 });
    const amount = formatMoney(parseUsd(sum?.costUsd ?? "0"), locale);
    return { amount, state: "ok", kind: "cost", href: `/${slug}/costs` };
  }
  const { availableUsd, status } = await getBalance(scope);
  if (availableUsd === null) return null;
  const availableNano = parseUsd(availableUsd);
  return {
    amount: formatMoney(availableNano, locale, "toward-zero"),
    isFrozen: status === "frozen",
    state: availableNano <= 0n ? "empty" : availableNano < LOW_NANO ? "low" : "ok",
    kind: "balance",
    href: scope.permissions.has("billing.manage") ? `/${slug}/billing` : null,
  };
}
