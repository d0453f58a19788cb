import type { Permission, PlatformPermission } from "@/lib/orgs/permissions";

/** One line of a sidebar. `path` follows the organisation's slug or `/admin`; it shows to whoever has one of `needs`. */
type NavEntry<Id extends string, Needed> = {
  id: Id;
  path: string;
  /** Empty: everybody in here. */
  needs: readonly Needed[];
  /** Only where customers pay the operator, or only where nobody pays. */
  mode?: "service" | "enterprise";
  /** Other pages that belong to it. */
  also?: readonly string[];
  /** In the bottom bar of a phone; the others are behind "More". */
  phone?: true;
};

export type ConsolePageId =
  | "overview"
  | "playground"
  | "activity"
  | "keys"
  | "models"
  | "billing"
  | "costs"
  | "team"
  | "settings";

export const CONSOLE_NAV: readonly NavEntry<ConsolePageId, Permission>[] = [
  { id: "overview", path: "", needs: [], phone: true },
  { id: "playground", path: "/playground", needs: ["playground.use"], phone: true },
  { id: "activity", path: "/activity", needs: ["usage.read", "usage.own", "usage.sums"], phone: true },
  { id: "keys", path: "/keys", needs: ["apps.manage", "apps.own"], phone: true },
  { id: "models", path: "/models", needs: [] },
  { id: "billing", path: "/billing", needs: ["billing.manage"], mode: "service" },
  { id: "costs", path: "/costs", needs: ["usage.sums", "usage.own"], mode: "enterprise" },
  { id: "team", path: "/team", needs: ["members.manage"] },
  { id: "settings", path: "/settings", needs: [] },
];

export type AdminPageId =
  | "overview"
  | "providers"
  | "models"
  | "customers"
  | "health"
  | "ledger"
  | "audit"
  | "settings";

export const ADMIN_NAV: readonly NavEntry<AdminPageId, PlatformPermission>[] = [
  { id: "overview", path: "", needs: ["usage.read"], phone: true },
  { id: "providers", path: "/providers", needs: ["providers.read", "providers.manage"], phone: true },
  { id: "models", path: "/models", also: ["/catalogue"], needs: ["models.read", "models.manage"], phone: true },
  { id: "customers", path: "/customers", needs: ["orgs.read", "orgs.manage"], phone: true },
  { id: "health", path: "/health", needs: ["providers.read", "providers.manage"] },
  { id: "ledger", path: "/ledger", needs: ["ledger.read"] },
  { id: "audit", path: "/audit", needs: ["audit.read"] },
  { id: "settings", path: "/settings", needs: ["settings.read", "settings.manage"] },
];

/** The entries that somebody with these permissions may open. */
export function visibleNav<Entry extends { needs: readonly string[]; mode?: "service" | "enterprise" }>(
  entries: readonly Entry[],
  permissions: readonly string[],
  mode: "service" | "enterprise",
): Entry[] {
  return entries.filter(
    ({ needs, mode: only = mode }) =>
      only === mode && (needs.length === 0 || needs.some((needed) => permissions.includes(needed))),
  );
}
