import { notFound } from "next/navigation";
import { cache } from "react";
import { requestOrigin } from "@/lib/auth/request";
import { findSession, requireSession, type Session } from "@/lib/auth/session";
import { AppError } from "@/lib/errors";
import { type PlatformPermission, STAFF_ROLES, type StaffRole } from "@/lib/orgs/permissions";
import { mintStaffScope, requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";

export type StaffPageScope = StaffScope & { readonly role: StaffRole; readonly user: Session };

/** The gate of every admin page. Not signed in: to the sign-in page; not staff, or without the permission: 404, as the
 *  area is nobody else's business. */
export const requireStaff = cache(async (permission?: PlatformPermission): Promise<StaffPageScope> => {
  const scope = await toScope(await requireSession());
  return !scope || (permission && !scope.permissions.has(permission)) ? notFound() : scope;
});

/** The gate of server actions. Throws unauthenticated, not_found or forbidden. */
export async function authorizeStaff(permission?: PlatformPermission): Promise<StaffPageScope> {
  const session = await findSession();
  if (!session) throw new AppError("unauthenticated", "Your session has ended. Sign in again.");
  const scope = await toScope(session);
  if (!scope) throw new AppError("not_found", "There is no such page.");
  if (permission) requireStaffPermission(scope, permission);
  return scope;
}

async function toScope(session: Session): Promise<StaffPageScope | null> {
  const { staffRole: role, isVerified, userId } = session;
  if (!role || !isVerified) return null;
  const scope = mintStaffScope({
    actor: { type: "staff", id: userId },
    permissions: new Set(STAFF_ROLES[role]),
    request: await requestOrigin(),
  });
  return { ...scope, role, user: session };
}
