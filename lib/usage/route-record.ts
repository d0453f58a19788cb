import { z } from "zod";

const rowShape = z.object({
  model: z.string(),
  /** Absent where a model as a whole was passed over. */
  provider: z.string().nullable(),
  upstreamModel: z.string().nullable(),
  credentialId: z.string().nullable(),
  /** Of the offer among its tier, and of the credential among its offer's; null where nobody else was there. */
  score: z.number().nullable(),
  credentialScore: z.number().nullable(),
  /** Why it was passed over, or, where it is `resting`, put last; null: it is called when its turn comes. */
  reason: z.string().nullable(),
});

/** What was considered for a call, in order, as it is kept with its first attempt and told by a dry run. */
export const routeRow = rowShape.meta({ id: "RouteRow" });
export type RouteRow = z.infer<typeof routeRow>;

/** As a tenant may see it: offers by provider, never credentials or names upstream. An offer stands where its first credential
 *  does. */
export const tenantRouteRow = z
  .object({
    model: z.string(),
    provider: z.string().nullable(),
    score: z.number().nullable(),
    reason: z.string().nullable(),
  })
  .meta({ id: "TenantRouteRow" });
export type TenantRouteRow = z.infer<typeof tenantRouteRow>;

export function forTenant(rows: readonly RouteRow[]): TenantRouteRow[] {
  const seen = new Set<string>();
  return rows.flatMap(({ model, provider, upstreamModel, score, reason }) => {
    const offer = JSON.stringify([model, provider, upstreamModel]);
    if (seen.has(offer)) return [];
    seen.add(offer);
    // what became of the hub's own credentials is the operator's
    return [{ model, provider, score, reason: reason?.startsWith("credential_") ? "not_available" : reason }];
  });
}

/** Kept rows; null for calls that had no choice, and for what no gateway wrote. */
export function readRoute(stored: unknown): RouteRow[] | null {
  const rows = z.array(rowShape).safeParse(stored);
  return rows.success ? rows.data : null;
}
