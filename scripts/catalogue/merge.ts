import type { ModelFigures } from "@/lib/catalog/figures";
import { disputes, flatRates } from "@/lib/catalog/flat-rates";
import { formatRates, type StoredRates, type WrittenRates } from "@/lib/catalog/rates";

/** `isOld`: of long before the newest source. Such a one says what pieces cost that nobody else lists, and disputes nothing. */
export type SourcedFigures = { source: string; isOld: boolean; figures: ModelFigures };

/** A line of a seed file. */
export type SeedLine = {
  id: string;
  name?: string;
  type: string;
  context?: number;
  output?: number;
  in: readonly string[];
  out: readonly string[];
  can?: readonly string[];
  released?: string;
  cost?: WrittenRates;
  from: Record<string, string>;
  disputed?: string[];
};

/** One model out of what several sources say, the most trusted first. Rates that only a later source states are added where it
 *  agrees on the others. Null for what is retired or was seen long ago only. */
export function mergeFigures(all: readonly SourcedFigures[]): SeedLine | null {
  const [first] = all;
  if (!first || all.some(({ figures }) => figures.isRetired)) return null;
  if (all.every(({ isOld, figures }) => isOld && figures.type === "chat")) return null;
  const facts = all.find(({ figures }) => figures.name !== null) ?? first;
  // where names are, the whole window is meant; LiteLLM states what may go in
  const limits = [facts, ...all].find(({ figures }) => figures.contextWindow !== null) ?? first;
  const costs = all.flatMap(({ source, isOld, figures }) => {
    const cost = figures.cost && withoutZeros(figures);
    return cost ? [{ source, isOld, cost }] : [];
  });
  const [base, ...others] = costs;
  const from: Record<string, string> = {
    facts: facts.source,
    limits: limits.source,
    cost: base?.source ?? first.source,
  };
  const disputed = new Set<string>();
  let cost = base?.cost;
  for (const { source, isOld, cost: other } of others) {
    if (!base || !cost) break;
    const apart = disputes(base.cost, other);
    for (const path of isOld ? [] : apart) disputed.add(path);
    if (apart.length > 0 || isByPiece(other) !== isByPiece(base.cost)) continue;
    const known = cost;
    for (const name of Object.keys(other).filter((rate) => !(rate in known))) from[`cost.${name}`] = source;
    cost = { ...other, ...cost };
  }
  const { name, type, input, output, released } = facts.figures;
  const capabilities = all.flatMap(({ figures }) => figures.capabilities);
  const { contextWindow, maxOutputTokens } = limits.figures;
  return {
    id: first.figures.id,
    ...(name && { name }),
    type,
    ...(contextWindow && { context: contextWindow }),
    ...(maxOutputTokens && { output: maxOutputTokens }),
    in: input.length > 0 ? input : ["text"],
    out: output.length > 0 ? output : ["text"],
    ...(capabilities.length > 0 && { can: [...new Set(capabilities)] }),
    ...(released && { released }),
    ...(cost && { cost: formatRates(cost) }),
    from,
    ...(disputed.size > 0 && { disputed: [...disputed] }),
  };
}

function isByPiece(cost: StoredRates): boolean {
  return PIECES.some((name) => name in cost);
}
const PIECES = ["perImage", "perSecond", "perMillionCharacters"] as const;

/** A zero beside prices is nobody's price. All zeros are a price only where the name says so. */
function withoutZeros({ id, cost }: ModelFigures): StoredRates | null {
  if (!cost) return null;
  if ([...flatRates(cost).values()].every((rate) => rate === 0n)) return id.endsWith(":free") ? cost : null;
  const kept = stripped(cost) as StoredRates;
  return Object.keys(kept).length > 0 ? kept : null;
}

function stripped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripped);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, stripped(inner)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== "0"));
}
