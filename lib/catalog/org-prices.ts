import type { StoredRates } from "@/lib/catalog/rates";

/** Which price an organisation pays for a model at any moment: its own rates or factor for that model, else its default factor
 *  over the list price, else the list price. What a factor comes to is written out as a version of its own, so that a pinned
 *  version always holds the rates it was charged by. */

/** A version as stored. `authored` ones were set by somebody; `compiled` ones follow from those and the list price. */
export type PriceVersionFacts = {
  id: bigint;
  effectiveFrom: Date;
  rates: StoredRates;
  factorBp: number;
  kind: "authored" | "cleared" | "compiled";
};

export type CompiledVersion = {
  /** Null: from now. */
  effectiveFrom: Date | null;
  /** Empty: the list price holds. */
  rates: StoredRates;
  factorBp: number;
  /** The list version that the factor was applied to. */
  listVersionId: bigint | null;
};

const WHOLE_BP = 10_000;
const AT_LIST = { rates: {}, factorBp: WHOLE_BP, listVersionId: null };

/** The versions to append for one organisation and model, so that from now on the right price is in force at every moment at
 *  which any of its sources changes. Pure; appending them and asking again yields none. */
export function compileOrgPrice(
  sources: {
    list: readonly PriceVersionFacts[];
    own: readonly PriceVersionFacts[];
    defaults: readonly PriceVersionFacts[];
  },
  now: Date,
): CompiledVersion[] {
  const { list, defaults } = sources;
  const authored = sources.own.filter(({ kind }) => kind !== "compiled");
  const changes = [...list, ...authored, ...defaults].map(({ effectiveFrom }) => effectiveFrom.getTime());
  const later = [...new Set(changes.filter((at) => at > now.getTime()))].sort((a, b) => a - b);
  const appended: CompiledVersion[] = [];
  const all = [...sources.own];
  for (const at of [now.getTime(), ...later]) {
    const wanted = priceAt({ list, authored, defaults }, at);
    const current = inForce(all, at);
    if (isSame(current ?? AT_LIST, wanted)) continue;
    const version = { ...wanted, effectiveFrom: at === now.getTime() ? null : new Date(at) };
    appended.push(version);
    // what is appended later wins over what begins at the same moment
    const id = BigInt(Number.MAX_SAFE_INTEGER) + BigInt(appended.length);
    all.push({ ...version, id, effectiveFrom: new Date(at), kind: "compiled" });
  }
  return appended;
}

function priceAt(
  { list, authored, defaults }: Record<"list" | "authored" | "defaults", readonly PriceVersionFacts[]>,
  at: number,
): Omit<CompiledVersion, "effectiveFrom"> {
  const own = inForce(authored, at);
  if (own && own.kind !== "cleared") {
    if (hasRates(own)) return { rates: own.rates, factorBp: own.factorBp, listVersionId: null };
    return overList(inForce(list, at), own.factorBp);
  }
  const fallback = inForce(defaults, at);
  return fallback && fallback.kind !== "cleared" ? overList(inForce(list, at), fallback.factorBp) : AT_LIST;
}

function overList(list: PriceVersionFacts | null, factorBp: number): Omit<CompiledVersion, "effectiveFrom"> {
  return list ? { rates: list.rates, factorBp, listVersionId: list.id } : AT_LIST;
}

function inForce(versions: readonly PriceVersionFacts[], at: number): PriceVersionFacts | null {
  let latest: PriceVersionFacts | null = null;
  for (const version of versions) {
    if (version.effectiveFrom.getTime() > at) continue;
    const isLater = !latest || version.effectiveFrom > latest.effectiveFrom;
    const isNewer = latest && +version.effectiveFrom === +latest.effectiveFrom && version.id > latest.id;
    if (isLater || isNewer) latest = version;
  }
  return latest;
}

type Content = { rates: StoredRates; factorBp: number };

/** An authored factor says what is wanted, not what it comes to: only versions with rates, or none at all, can be the same. */
function isSame(current: Content, wanted: Content): boolean {
  if (!hasRates(wanted)) return !hasRates(current);
  return current.factorBp === wanted.factorBp && canonical(current.rates) === canonical(wanted.rates);
}

function hasRates({ rates }: Content): boolean {
  return Object.keys(rates).length > 0;
}

/** One text per content, whatever the order of its keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(",")}}`;
}
