/** What a member of an organisation may do; `security.md` §4 is the source of the role table. */
export const PERMISSIONS = [
  "org.roles",
  "org.delete",
  "members.manage",
  "apps.manage",
  "apps.own",
  "playground.use",
  "usage.read",
  "usage.own",
  "usage.sums",
  "billing.manage",
  "audit.read",
  "inference",
] as const;
export type Permission = (typeof PERMISSIONS)[number];
export type OrgRole = "owner" | "admin" | "developer" | "billing" | "viewer";

export const ORG_ROLES: Record<OrgRole, readonly Permission[]> = {
  owner: [
    "org.roles",
    "org.delete",
    "members.manage",
    "apps.manage",
    "apps.own",
    "playground.use",
    "usage.read",
    "usage.own",
    "usage.sums",
    "billing.manage",
    "audit.read",
  ],
  admin: [
    "members.manage",
    "apps.manage",
    "apps.own",
    "playground.use",
    "usage.read",
    "usage.own",
    "usage.sums",
    "billing.manage",
    "audit.read",
  ],
  developer: ["apps.own", "playground.use", "usage.own"],
  billing: ["usage.sums", "billing.manage"],
  viewer: ["usage.sums"],
};

/** What platform staff and instance-wide management keys may do. */
export const PLATFORM_PERMISSIONS = [
  "staff.manage",
  "providers.manage",
  "providers.read",
  "models.manage",
  "models.read",
  "settings.manage",
  "settings.read",
  "orgs.manage",
  "orgs.read",
  "credits.grant",
  "refunds.manage",
  "usage.read",
  "ledger.read",
  "audit.read",
] as const;
export type PlatformPermission = (typeof PLATFORM_PERMISSIONS)[number];
export type StaffRole = "owner" | "admin" | "support" | "finance";

export const STAFF_ROLES: Record<StaffRole, readonly PlatformPermission[]> = {
  owner: PLATFORM_PERMISSIONS,
  admin: PLATFORM_PERMISSIONS.filter((permission) => permission !== "staff.manage"),
  support: ["providers.read", "models.read", "settings.read", "orgs.read", "credits.grant", "usage.read"],
  finance: ["models.read", "orgs.read", "usage.read", "ledger.read", "audit.read"],
};

/** What a management key may ever carry: staff, roles and further management keys stay with a person. */
export const MANAGEMENT_KEY_PERMISSIONS: readonly PlatformPermission[] = PLATFORM_PERMISSIONS.filter(
  (permission) => permission !== "staff.manage",
);
