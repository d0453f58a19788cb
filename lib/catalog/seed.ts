import { z } from "zod";
import { CAPABILITIES, type FigureSource, MODALITIES, type ModelFigures } from "@/lib/catalog/figures";
import { PROVIDER_KIND_IDS, type ProviderKindId } from "@/lib/catalog/provider-kinds";
import { ratesInput } from "@/lib/catalog/rates";
import { MODEL_TYPES } from "@/lib/catalog/schema";
import anthropic from "@/lib/catalog/seed/anthropic.json" with { type: "json" };
import bedrock from "@/lib/catalog/seed/bedrock.json" with { type: "json" };
import deepseek from "@/lib/catalog/seed/deepseek.json" with { type: "json" };
import doubao from "@/lib/catalog/seed/doubao.json" with { type: "json" };
import google from "@/lib/catalog/seed/google.json" with { type: "json" };
import ollama from "@/lib/catalog/seed/ollama.json" with { type: "json" };
import openai from "@/lib/catalog/seed/openai.json" with { type: "json" };
import openrouter from "@/lib/catalog/seed/openrouter.json" with { type: "json" };
import poe from "@/lib/catalog/seed/poe.json" with { type: "json" };
import xai from "@/lib/catalog/seed/xai.json" with { type: "json" };

/** The bundled catalogue: what was published about the models of each provider, with source and date of every figure.
 *  `npm run catalogue` writes its files. */

const FILES: readonly unknown[] = [
  ...[anthropic, bedrock, deepseek, doubao, google, ollama, openai, openrouter, poe, xai],
];

/** A model with the sources of its figures: `facts` (name, type, modalities, capabilities, release), `limits`, `cost`, and
 *  `cost.cacheWrite1h` where one rate has another source than the rest. */
export type SeedModel = ModelFigures & {
  sources: { facts: FigureSource; limits: FigureSource; cost: FigureSource; [rate: `cost.${string}`]: FigureSource };
  /** Rates on which sources are more than 2 % apart. */
  disputed: readonly string[];
};

const date = z.iso.date();
const tokens = z.int().positive().optional();

export const seedFile = z.strictObject({
  kind: z.enum(PROVIDER_KIND_IDS as [ProviderKindId, ...ProviderKindId[]]),
  sources: z.record(z.string(), z.strictObject({ name: z.string(), url: z.url(), date, note: z.string().optional() })),
  models: z.array(
    z.strictObject({
      id: z.string().min(1),
      name: z.string().optional(),
      type: z.enum(MODEL_TYPES),
      context: tokens,
      output: tokens,
      in: z.array(z.enum(MODALITIES)).min(1),
      out: z.array(z.enum(MODALITIES)).min(1),
      can: z.array(z.enum(CAPABILITIES)).optional(),
      released: date.optional(),
      cost: ratesInput.optional(),
      from: z.record(z.string(), z.string()),
      disputed: z.array(z.string()).optional(),
    }),
  ),
});

let loaded: readonly SeedModel[] | undefined;

/** Every model of the bundled catalogue, in the order of its files. */
export function seedModels(): readonly SeedModel[] {
  loaded ??= FILES.flatMap((file) => readSeed(seedFile.parse(file)));
  return loaded;
}

/** Of its newest figure. */
export function seedDate(): string {
  return seedModels().reduce((latest, { sources }) => (sources.cost.date > latest ? sources.cost.date : latest), "");
}

function readSeed({ kind, sources, models }: z.output<typeof seedFile>): SeedModel[] {
  return models.map(
    ({ id, name, type, context, output, in: input, out, can = [], released, cost, from, disputed }) => ({
      kind,
      id,
      name: name ?? null,
      type,
      contextWindow: context ?? null,
      maxOutputTokens: output ?? null,
      input,
      output: out,
      capabilities: can,
      released: released ?? null,
      isRetired: false,
      cost: cost ?? null,
      // safe because the test of the files demands that `from` names the three parts and only sources there are
      sources: Object.fromEntries(
        Object.entries(from).map(([part, source]) => [part, sources[source]]),
      ) as SeedModel["sources"],
      disputed: disputed ?? [],
    }),
  );
}

const byKind = () => Map.groupBy(seedModels(), ({ kind }) => kind);
let grouped: ReturnType<typeof byKind> | undefined;

/** What is known about a model that a provider lists; null for what is not in the catalogue. Names with a date, a region's
 *  context size or `:latest` behind them are looked for without it, and Poe's also by how it displays them. */
export function findSeedModel(kind: string, upstreamModel: string): SeedModel | null {
  grouped ??= byKind();
  // safe because a kind that is none has no group
  const models = grouped.get(kind as ProviderKindId) ?? [];
  const wanted = upstreamModel.toLowerCase();
  for (const name of [
    wanted,
    wanted.replace(/:(latest|\d+k)$/, ""),
    wanted.replace(/-(\d{8}|\d{4}-\d{2}-\d{2})$/, ""),
  ]) {
    const found = models.find(({ id }) => id.toLowerCase() === name);
    if (found) return found;
  }
  return kind === "poe" ? (models.find(({ name }) => name?.toLowerCase() === wanted) ?? null) : null;
}
