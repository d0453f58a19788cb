import type { Considered } from "@/lib/gateway/routing/candidates";
import type { Chain, Link } from "@/lib/gateway/routing/chain";
import type { RouteRow } from "@/lib/usage/route-record";

/** Keeps what a receipt stores of a large installation small. */
const MAX_ROWS = 40;

/** Everything that was considered, in order. `passedOver`: models that were refused when their turn came, by id. */
export function routeRows(chain: Pick<Chain, "leftOut"> & { links: readonly Link[] }, passedOver = NONE): RouteRow[] {
  const whole = { provider: null, upstreamModel: null, credentialId: null, score: null, credentialScore: null };
  return [
    ...chain.links.flatMap(({ model, considered }) => {
      const rows = considered.map((one) => toRouteRow(model.id, one));
      const reason = passedOver.get(model.id) ?? (rows.length === 0 ? "no_offer" : null);
      return reason ? [{ model: model.id, ...whole, reason }, ...rows] : rows;
    }),
    ...chain.leftOut.map(({ name, reason }) => ({ model: name, ...whole, reason })),
  ].slice(0, MAX_ROWS);
}

/** For a receipt; null where there was no choice. */
export function choiceRows(...given: Parameters<typeof routeRows>): RouteRow[] | null {
  const rows = routeRows(...given);
  return rows.length > 1 ? rows : null;
}

const NONE: ReadonlyMap<string, string> = new Map();

export function toRouteRow(model: string, { offer, credential, score, credentialScore, reason }: Considered): RouteRow {
  return {
    model,
    provider: offer.provider.slug,
    upstreamModel: offer.upstreamModel,
    credentialId: credential?.id ?? null,
    score: rounded(score),
    credentialScore: rounded(credentialScore),
    reason,
  };
}

function rounded(score: number | null): number | null {
  return score === null || !Number.isFinite(score) ? null : Number(score.toPrecision(6));
}
