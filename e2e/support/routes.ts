import type { Tenant } from "@/e2e/support/tenants";

/** The ids of a tenant's things that a route of an organisation shows one by one. Throws for a route that is not here. */
export function tenantIds(route: string, tenant: Tenant): string[] {
  if (!route.replace("[org]", "").includes("[")) return [""];
  const ids: Record<string, string[]> = {
    "/[org]/activity/requests/[id]": [tenant.requestId, tenant.refusalId],
    "/[org]/billing/return/[id]": [tenant.topupId],
    "/[org]/keys/[id]": [tenant.keyId],
  };
  const own = ids[route];
  if (!own) throw new Error(`Say in e2e/support/routes.ts which ids ${route} shows.`);
  return own;
}

/** The address of a route: the organisation's slug, then what is shown. */
export function filled(route: string, { slug, id = "" }: { slug: string; id?: string | undefined }): string {
  return route.replace("[org]", slug).replace(/\[[^\]]+\]/, encodeURIComponent(id));
}
