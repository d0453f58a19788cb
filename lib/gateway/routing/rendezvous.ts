import { createHash } from "node:crypto";

/** Null: nobody else was there to be compared with. */
export type Scored<Item> = { item: Item; score: number | null };

/** Weighted rendezvous hashing: each item scores `-weight / ln(h)`, h in (0,1); the highest score comes first. With an
 *  affinity key h is a hash of key and item, so one caller keeps its order and a change of the set moves only the share of
 *  what changed. Without one h is random: an exact weighted random order. Weight 0 is left out. */
export function weightedScores<Item extends { id: string; weight: number }>(
  items: readonly Item[],
  options: { affinity: string | null; random: () => number },
): Scored<Item>[] {
  const live = items.filter(({ weight }) => weight > 0);
  if (live.length < 2) return live.map((item) => ({ item, score: null }));
  const score = ({ id, weight }: Item) =>
    -weight / Math.log(options.affinity === null ? openUnit(options.random()) : hashUnit(options.affinity, id));
  return live.map((item) => ({ item, score: score(item) })).sort((a, b) => b.score - a.score);
}

/** The same without the scores. */
export function weightedOrder<Item extends { id: string; weight: number }>(
  ...given: Parameters<typeof weightedScores<Item>>
): Item[] {
  return weightedScores(...given).map(({ item }) => item);
}

/** SHA-256 of key and item as a number in (0,1): 48 bits are plenty and exact in a double. */
function hashUnit(affinity: string, id: string): number {
  const digest = createHash("sha256").update(affinity).update("\0").update(id).digest();
  return (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
}

function openUnit(value: number): number {
  return value > 0 ? value : Number.MIN_VALUE;
}
