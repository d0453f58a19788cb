import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { SEED, seededRandom } from "@/e2e/support/property";
import { parseRates, priceUsage } from "@/lib/billing/pricing";
import { TOKEN_CLASSES, type Usage } from "@/lib/billing/usage";

// Prices of random usages against a second reading of the rules, in SQL, where numbers are decimal and exact. `npm run prove` asks
// for a million; SEED= repeats a run.

const COUNT = Number(process.env.ORACLE_CASES ?? 5_000);
const BATCH = 2_500;
const CARDS = 50;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.drop());

const random = seededRandom();
const below = (limit: number) => Math.floor(random() * limit);
const chance = (share: number) => random() < share;
const pick = <Item>(items: readonly Item[]) => items[below(items.length)] as Item;

const RATED = TOKEN_CLASSES.filter((name) => name !== "otherInput" && name !== "otherOutput");
const UNIT_RATES = ["perImage", "perSecond", "perMillionCharacters", "perRequest"] as const;
const THRESHOLDS = [0, 1_000, 128_000, 200_000];
const VARIANTS = ["1024x1024", "1024x1024/high", "512x512/low", "512x512"];
const TOOLS = ["search", "code", "files"];
const TIERS = ["flex", "priority"];

/** Dear, cheap, free, and at the edges of what a rounding could get wrong. */
function rate(): string {
  return pick([
    () => String(below(10_000_000) * 1_000),
    () => String(below(100)),
    () => "0",
    () => "1",
    () => `${1 + below(9)}000000000`,
    () => `${below(1_000_000)}${String(below(1_000_000_000)).padStart(9, "0")}`,
  ])().replace(/^0+(?=\d)/, "");
}

function some(names: readonly string[], share: number): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (chance(share) ? [[name, rate()]] : [])));
}

function rateSet(share: number): Record<string, unknown> {
  return {
    ...some(RATED, share),
    ...some(UNIT_RATES, share),
    ...(chance(0.4) && { perToolCall: some(TOOLS, 0.6) }),
    ...(chance(0.4) && { perImageVariant: some(VARIANTS, 0.6) }),
  };
}

function card(): Record<string, unknown> {
  const tiered = () => {
    const tiers = THRESHOLDS.filter(() => chance(0.3)).map((aboveInputTokens) => ({
      aboveInputTokens,
      ...rateSet(0.4),
    }));
    // none at all is absent, and then those of the ordinary rates hold
    return { ...rateSet(pick([0.2, 0.5, 1])), ...(tiers.length > 0 && { tiers }) };
  };
  return {
    ...tiered(),
    ...(chance(0.4) && {
      serviceTiers: Object.fromEntries(TIERS.flatMap((name) => (chance(0.7) ? [[name, tiered()]] : []))),
    }),
  };
}

function units(): number {
  return pick([
    () => 0,
    () => 1,
    () => below(100),
    () => below(200_000),
    () => below(2_000_000),
    () => pick(THRESHOLDS),
  ])();
}

function usage(): Usage {
  const made: Usage = {};
  const share = pick([0.1, 0.3, 0.9]);
  for (const name of TOKEN_CLASSES) if (chance(share)) made[name] = units();
  for (const name of ["milliseconds", "characters"] as const) if (chance(0.2)) made[name] = units();
  if (chance(0.8)) made.requests = 1;
  if (chance(0.2))
    made.toolCalls = Object.fromEntries(
      [...TOOLS, "unknown"].filter(() => chance(0.4)).map((name) => [name, below(20)]),
    );
  if (chance(0.2)) {
    const variants = [...VARIANTS, "9x9/odd"].filter(() => chance(0.4)).map((name) => [name, below(4)] as const);
    made.images = variants.reduce((sum, [, n]) => sum + n, below(3));
    if (variants.length > 0) made.imageVariants = Object.fromEntries(variants);
  }
  if (chance(0.3)) made.serviceTier = pick([...TIERS, "batch"]);
  return made;
}

const INPUT = ["input", "cacheRead", "cacheWrite", "cacheWrite1h", "audioInput", "imageInput", "videoInput"];
const OUTPUT = ["output", "reasoning", "audioOutput", "imageOutput"];
const PARENTS: Record<string, string[]> = {
  cacheWrite1h: ["cacheWrite", "input"],
  ...Object.fromEntries(
    ["cacheRead", "cacheWrite", "audioInput", "imageInput", "videoInput"].map((name) => [name, ["input"]]),
  ),
  ...Object.fromEntries(["reasoning", "audioOutput", "imageOutput"].map((name) => [name, ["output"]])),
};
const count = (name: string) => `coalesce((u ->> '${name}')::numeric, 0)`;
const stated = (name: string) => `(r ->> '${name}')::numeric`;
const dearest = (names: string[]) => `greatest(${names.map(stated).join(", ")})`;

/** Cases {o, c, u, f}: ordinal, number of the card, usage, factor. A card is what is stored as rates. Materialized, or the rates that
 *  hold would be put together again for each class. */
const ORACLE = `
  WITH "case" AS (
    SELECT x.o, x.u, x.f, k.value AS card
    FROM jsonb_to_recordset($1::jsonb) AS x(o int, c int, u jsonb, f numeric) JOIN jsonb_array_elements($2::jsonb) WITH ORDINALITY k ON k.ordinality = x.c + 1
  ), served AS MATERIALIZED (
    SELECT o, u, f, card || coalesce(card -> 'serviceTiers' -> (u ->> 'serviceTier'), '{}') AS base,
      ${[...INPUT, "otherInput"].map(count).join(" + ")} AS input_tokens
    FROM "case"
  ), settled AS MATERIALIZED (
    SELECT o, u, f, base || coalesce((
      SELECT t FROM jsonb_array_elements(base -> 'tiers') t WHERE input_tokens > (t ->> 'aboveInputTokens')::numeric
      ORDER BY (t ->> 'aboveInputTokens')::numeric DESC LIMIT 1), '{}') AS r
    FROM served
  ), added AS (
    SELECT o, f,
      ${[...INPUT, ...OUTPUT].map((name) => `${count(name)} * coalesce(${[name, ...(PARENTS[name] ?? [])].map(stated).join(", ")}, 0)`).join(" + ")}
      + ${count("otherInput")} * coalesce(${dearest(INPUT)}, 0) + ${count("otherOutput")} * coalesce(${dearest(OUTPUT)}, 0)
      + ${count("milliseconds")} * coalesce(${stated("perSecond")}, 0) + ${count("characters")} * coalesce(${stated("perMillionCharacters")}, 0)
      + ${count("requests")} * coalesce(${stated("perRequest")}, 0)
      + coalesce((SELECT sum(n.value::numeric * coalesce((r -> 'perToolCall' ->> n.key)::numeric,
          (SELECT max(p.value::numeric) FROM jsonb_each_text(r -> 'perToolCall') p), 0)) FROM jsonb_each_text(u -> 'toolCalls') n), 0)
      + coalesce((SELECT sum(i.n * coalesce((r -> 'perImageVariant' ->> i.variant)::numeric, (r -> 'perImageVariant' ->> split_part(i.variant, '/', 1))::numeric,
          ${stated("perImage")}, (SELECT max(p.value::numeric) FROM jsonb_each_text(r -> 'perImageVariant') p), 0))
        FROM (
          SELECT v.key AS variant, v.value::numeric AS n FROM jsonb_each_text(u -> 'imageVariants') v
          UNION ALL SELECT NULL, ${count("images")} - coalesce((SELECT sum(v.value::numeric) FROM jsonb_each_text(u -> 'imageVariants') v), 0)
        ) i), 0) AS parts
    FROM settled
  )
  SELECT o, div(parts * f + 9999999999, 10000000000)::text AS price FROM added ORDER BY o`;

test(`${COUNT} usages cost what the oracle says, to the nano`, { timeout: 3_600_000 }, async () => {
  const different: unknown[] = [];
  let free = 0;
  for (let done = 0; done < COUNT; done += BATCH) {
    const cards = Array.from({ length: CARDS }, card);
    const parsed = cards.map(parseRates);
    const cases = Array.from({ length: Math.min(BATCH, COUNT - done) }, (_, o) => ({
      ...{ o, c: below(CARDS), u: usage(), f: pick([10_000, 8_000, 12_345, 1, 0, below(50_000)]) },
    }));
    const { rows } = await database.pool.query<{ o: number; price: string }>(ORACLE, [
      JSON.stringify(cases),
      JSON.stringify(cards),
    ]);
    expect(rows).toHaveLength(cases.length);
    for (const { o, price } of rows) {
      const { c, u, f } = cases[o] as (typeof cases)[number];
      const ours = priceUsage(u, parsed[c] as (typeof parsed)[number], f).toString();
      if (ours !== price) different.push({ usage: u, rates: cards[c], factor: f, ours, oracle: price });
      if (price === "0") free++;
    }
    expect(different.slice(0, 3), `SEED=${SEED}`).toEqual([]);
  }
  // an oracle that says 0 everywhere proves nothing
  expect(free).toBeLessThan(COUNT / 2);
});
