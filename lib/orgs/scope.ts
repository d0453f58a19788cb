import { AppError } from "@/lib/errors";
import { asOrgId, type OrgId } from "@/lib/ids";
import type { Permission, PlatformPermission } from "@/lib/orgs/permissions";
import type { Prisma } from "@/prisma/generated/client";

export type Actor = { readonly type: "user" | "key" | "staff" | "system"; readonly id: string };

/** The HTTP request behind a change, for the audit log. `idempotencyKey` is unique per caller and path; `remember` keeps the
 *  answer to it, in the transaction of the change (`change` of lib/db.ts calls it). */
export type RequestOrigin = {
  readonly id: string;
  readonly ip: string | null;
  readonly idempotencyKey?: string;
  readonly remember?: (tx: Prisma.TransactionClient, result: unknown) => Promise<void>;
};

declare const minted: unique symbol;

/** Proof that a caller may act for one organisation. Made only by `requireOrg`, `authenticateKey` and `systemScope`. */
export type Scope = {
  readonly orgId: OrgId;
  readonly actor: Actor;
  readonly permissions: ReadonlySet<Permission>;
  readonly request?: RequestOrigin;
  readonly [minted]: true;
};

/** Proof that a caller may act for the platform's operator. It never stands in for a Scope. */
export type StaffScope = {
  readonly actor: Actor;
  readonly permissions: ReadonlySet<PlatformPermission>;
  readonly request?: RequestOrigin;
  readonly [minted]: true;
};

export function mintScope(scope: {
  orgId: string;
  actor: Actor;
  permissions: ReadonlySet<Permission>;
  request?: RequestOrigin;
}): Scope {
  // safe because only the three gates import this function (lib/architecture.test.ts)
  return { ...scope, orgId: asOrgId(scope.orgId) } as Scope;
}

export function mintStaffScope(scope: {
  actor: Actor;
  permissions: ReadonlySet<PlatformPermission>;
  request?: RequestOrigin;
}): StaffScope {
  // safe because only requireStaff and the admin-API builder import this function (lib/architecture.test.ts)
  return scope as StaffScope;
}

/** Throws forbidden. */
export function requirePermission(scope: Scope, permission: Permission): void {
  if (!scope.permissions.has(permission)) throw new AppError("forbidden", `This needs the permission "${permission}".`);
}

/** Throws forbidden. */
export function requireStaffPermission(scope: StaffScope, permission: PlatformPermission): void {
  if (!scope.permissions.has(permission)) throw new AppError("forbidden", `This needs the permission "${permission}".`);
}
