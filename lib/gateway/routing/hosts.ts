import type { DialectId } from "@/lib/gateway/dialects/dialect";
import type { Candidate, Considered } from "@/lib/gateway/routing/candidates";
import type { Chain, Link } from "@/lib/gateway/routing/chain";
import { type PricedRates, priceFor } from "@/lib/gateway/snapshot";

/** Tools that a call asks its provider to run, and its service tier, named as in `HostedTools`. */
export type HostedNeed = { dialect: DialectId; names: readonly string[] };

/** Narrows a chain to candidates that run the tools asked for, at the tier asked for: their upstream speaks the call's own protocol,
 *  and both the organisation's price and the offer's cost have rates of their own for it. The first model that can be called
 *  decides which ones are served: a tool that none of its candidates runs is left out, whatever other models could do. */
export function narrowToHosts(chain: Chain, { dialect, names }: HostedNeed, orgId: string): Chain {
  const first = chain.links.find(({ plan }) => plan.length > 0);
  if (!first) return chain;
  const narrow = (link: Link, name: string) => narrowed(link, { dialect, name, orgId });
  let head = first;
  const served = names.filter((name) => {
    const able = narrow(head, name);
    if (able.plan.length > 0) head = able;
    return able.plan.length > 0;
  });
  if (served.length === 0) return chain;
  const [one, ...others] = chain.links;
  const all = (link: Link) => served.reduce(narrow, link);
  return { ...chain, links: [all(one), ...others.map(all)], hosted: new Set(served) };
}

const TIER = "tier:";

type Asked = { dialect: DialectId; name: string; orgId: string };

function narrowed(link: Link, { dialect, name, orgId }: Asked): Link {
  const isPriced = hasRateOf(priceFor(link.model, orgId), name);
  const runs = ({ definition, offer }: Candidate) =>
    isPriced && (definition.speaks[dialect]?.hosts?.includes(name) ?? false) && hasRateOf(offer.cost, name);
  const plan = link.plan.map((group) => group.filter(runs)).filter((group) => group.length > 0);
  const offers = new Set(plan.flat().map(({ offer }) => offer));
  const isCalled = ({ reason }: Considered) => reason === null || reason === "resting";
  const passedOver = (one: Considered) => isCalled(one) && !offers.has(one.offer);
  const considered = [
    ...link.considered.filter((one) => !passedOver(one)),
    ...link.considered.filter(passedOver).map((one): Considered => ({ ...one, reason: "lacks:hosted_tools" })),
  ];
  return { ...link, plan, considered };
}

function hasRateOf(priced: PricedRates | null, name: string): boolean {
  const { perToolCall, serviceTiers } = priced?.rates ?? {};
  return (name.startsWith(TIER) ? serviceTiers?.[name.slice(TIER.length)] : perToolCall?.[name]) !== undefined;
}
