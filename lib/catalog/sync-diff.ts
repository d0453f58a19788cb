import type { ModelFigures } from "@/lib/catalog/figures";
import { changePercent, disputes, flatRates, flatTexts, isApart } from "@/lib/catalog/flat-rates";
import type { SyncRow } from "@/lib/catalog/import-schema";
import { figuresKey } from "@/lib/catalog/public-formats";
import { formatRates, type StoredRates } from "@/lib/catalog/rates";

/** What public catalogues say against what is served: pure, so that every rule has its test. Nothing here decides; a person
 *  does. Absent is never 0: a rate that no source states stays what it is, and is pointed at. */

export type ServedOffer = {
  id: string;
  provider: string;
  kind: string;
  upstreamModel: string;
  model: string;
  isEnabled: boolean;
  /** null: none in force. */
  cost: StoredRates | null;
  isCustom: boolean;
  /** The list price where it has one of its own, which does not follow the cost. */
  fixedPrice: StoredRates | null;
};
export type ServedProvider = { slug: string; kind: string };
export type Source = { name: string; models: readonly ModelFigures[] };

type Reason = SyncRow["reasons"][number];
type Stated = { source: string; figures: ModelFigures; cost: StoredRates | null; disputed: string[] };

const JUMP_BP = 5_000n;

/** @param sources the most trusted first.
 *  @param suggestId the model that a provider's new one would become. */
export function compareCatalogue(
  served: { offers: readonly ServedOffer[]; providers: readonly ServedProvider[] },
  sources: readonly Source[],
  suggestId: (provider: ServedProvider, upstreamModel: string) => string,
): SyncRow[] {
  const stated = combine(sources);
  const kinds = new Set([...stated.values()].map(({ figures }) => figures.kind as string));
  const known = served.offers
    .filter(({ kind }) => kinds.has(kind))
    .flatMap((offer) => compareOffer(offer, stated) ?? []);
  const offered = new Set(served.offers.map(({ provider, upstreamModel }) => `${provider} ${upstreamModel}`));
  const added = served.providers.flatMap((provider) =>
    [...stated.values()]
      .filter(({ figures }) => figures.kind === provider.kind && !figures.isRetired)
      .filter(({ figures }) => !offered.has(`${provider.slug} ${figures.id}`))
      .map((one) => addition(provider, one, suggestId(provider, one.figures.id))),
  );
  return [...known, ...added];
}

/** The first source that knows a model speaks; what it leaves open is taken from one that does not contradict it. */
function combine(sources: readonly Source[]): Map<string, Stated> {
  const stated = new Map<string, Stated>();
  for (const { name, models } of sources)
    for (const figures of models) {
      const key = figuresKey(figures);
      const first = stated.get(key);
      if (!first) stated.set(key, { source: name, figures, cost: figures.cost, disputed: [] });
      else stated.set(key, combined(first, figures));
    }
  return stated;
}

function combined(first: Stated, other: ModelFigures): Stated {
  const { figures, cost } = first;
  const filled: ModelFigures = {
    ...figures,
    name: figures.name ?? other.name,
    contextWindow: figures.contextWindow ?? other.contextWindow,
    maxOutputTokens: figures.maxOutputTokens ?? other.maxOutputTokens,
    isRetired: figures.isRetired || other.isRetired,
  };
  if (!other.cost) return { ...first, figures: filled };
  if (!cost) return { ...first, figures: filled, cost: other.cost };
  const apart = disputes(cost, other.cost);
  if (apart.length > 0) return { ...first, figures: filled, disputed: [...new Set([...first.disputed, ...apart])] };
  return { ...first, figures: filled, cost: { ...other.cost, ...cost } };
}

/** Null where nothing is to be said. */
function compareOffer(offer: ServedOffer, stated: ReadonlyMap<string, Stated>): SyncRow | null {
  const { id, provider, kind, upstreamModel, model, cost, isCustom } = offer;
  const found = stated.get(`${kind} ${upstreamModel}`);
  const row = { key: `offer:${id}`, provider, upstreamModel, model, isCustom, source: found?.source ?? "" };
  const before = cost && formatRates(cost);
  if (!found || found.figures.isRetired) {
    if (!offer.isEnabled) return null;
    const gone = { group: "removed", effect: "disable", after: before } as const;
    return { ...row, ...gone, before, changes: [], reasons: [], isPreselected: false };
  }
  if (!found.cost) return null;
  const after = cost ? { ...cost, ...found.cost } : found.cost;
  const changes = changesBetween(cost, after);
  const reasons = reasonsOf(offer, found, after);
  const effect = changes.length > 0 ? "cost" : "none";
  if (effect === "none" && !reasons.some(({ reason }) => reason === "missing")) return null;
  const group = reasons.length > 0 ? "suspicious" : "changed";
  const isPreselected = group === "changed";
  return { ...row, group, effect, before, after: formatRates(after), changes, reasons, isPreselected };
}

function addition(provider: ServedProvider, { source, figures, cost, disputed }: Stated, model: string): SyncRow {
  const reasons: Reason[] = [];
  if (!cost) reasons.push({ reason: "unpriced", rates: [] });
  const zeros = cost ? [...flatRates(cost)].flatMap(([rate, value]) => (value === 0n ? [rate] : [])) : [];
  if (zeros.length > 0) reasons.push({ reason: "zero", rates: zeros });
  if (disputed.length > 0) reasons.push({ reason: "disputed", rates: disputed });
  return {
    key: `new:${provider.slug}:${figures.id}`,
    group: reasons.length > 0 ? "suspicious" : "new",
    effect: "add",
    provider: provider.slug,
    upstreamModel: figures.id,
    ...{ model, source, reasons, before: null, isCustom: false, isPreselected: false },
    after: cost && formatRates(cost),
    changes: cost ? changesBetween(null, cost) : [],
  };
}

function changesBetween(before: StoredRates | null, after: StoredRates): SyncRow["changes"] {
  const [old, next] = [before ? flatRates(before) : new Map<string, bigint>(), flatRates(after)];
  const oldText = before ? flatTexts(formatRates(before)) : new Map<string, string>();
  const nextText = flatTexts(formatRates(after));
  return [...new Set([...old.keys(), ...next.keys()])].flatMap((rate) => {
    const [from, to] = [old.get(rate), next.get(rate)];
    if (from === to) return [];
    const texts = { before: oldText.get(rate) ?? null, after: nextText.get(rate) ?? null };
    return [{ rate, ...texts, changePercent: from === undefined || to === undefined ? null : changePercent(from, to) }];
  });
}

function reasonsOf({ cost, fixedPrice }: ServedOffer, found: Stated, after: StoredRates): Reason[] {
  const stated = found.cost ? flatRates(found.cost) : new Map<string, bigint>();
  const old = cost ? [...flatRates(cost)] : [];
  const jumps = old.flatMap(([rate, from]) => {
    const to = stated.get(rate);
    return to !== undefined && to !== 0n && isApart(from, to, JUMP_BP) ? [rate] : [];
  });
  const zeros = old.flatMap(([rate, from]) => (from !== 0n && stated.get(rate) === 0n ? [rate] : []));
  const firstZeros = cost ? [] : [...stated].flatMap(([rate, value]) => (value === 0n ? [rate] : []));
  const missing = old.flatMap(([rate]) => (stated.has(rate) ? [] : [rate]));
  const next = flatRates(after);
  const below = fixedPrice
    ? [...flatRates(fixedPrice)].flatMap(([rate, price]) => ((next.get(rate) ?? 0n) > price ? [rate] : []))
    : [];
  const all: Reason[] = [
    { reason: "jump", rates: jumps },
    { reason: "disputed", rates: found.disputed },
    { reason: "missing", rates: missing },
    { reason: "zero", rates: [...zeros, ...firstZeros] },
    { reason: "below_price", rates: below },
  ];
  return all.filter(({ rates }) => rates.length > 0);
}
