import { notFound, redirect } from "next/navigation";
import { cache } from "react";
import { rememberOrg } from "@/lib/auth/mutations";
import { findMembership, type Membership } from "@/lib/auth/queries";
import { requestOrigin } from "@/lib/auth/request";
import { findSession, requireSession, type Session } from "@/lib/auth/session";
import { AppError } from "@/lib/errors";
import { ORG_ROLES } from "@/lib/orgs/permissions";
import { mintScope, type Scope } from "@/lib/orgs/scope";

/** A Scope with what a page shows of its organisation and person. */
export type OrgScope = Scope & Membership & { readonly user: Session };

/** The gate of every console page, once per request. Not signed in: to the sign-in page; address not verified: to
 *  /verify; foreign and missing organisations: 404. */
export const requireOrg = cache(async (slug: string): Promise<OrgScope> => {
  const session = await requireSession();
  if (!session.isVerified) redirect("/verify");
  const membership = await findMembership(session.userId, slug);
  if (!membership) notFound();
  if (session.lastOrgId !== membership.org.id) await rememberOrg(session.userId, membership.org.id);
  return toScope(session, membership);
});

/** The gate of server actions, which answer errors instead of moving to another page.
 *  Throws unauthenticated, forbidden (address not verified) or not_found. */
export async function authorizeOrg(slug: string): Promise<OrgScope> {
  const session = await findSession();
  if (!session) throw new AppError("unauthenticated", "Your session has ended. Sign in again.");
  if (!session.isVerified) throw new AppError("forbidden", "Verify your e-mail address first.");
  const membership = await findMembership(session.userId, slug);
  if (!membership) throw new AppError("not_found", "There is no such organisation.");
  return toScope(session, membership);
}

async function toScope(session: Session, membership: Membership): Promise<OrgScope> {
  const scope = mintScope({
    orgId: membership.org.id,
    actor: { type: "user", id: session.userId },
    permissions: new Set(ORG_ROLES[membership.role]),
    request: await requestOrigin(),
  });
  return { ...scope, ...membership, user: session };
}
