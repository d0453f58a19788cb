import { z } from "zod";
import { CAPABILITIES, MODALITIES } from "@/lib/catalog/figures";
import { ratesInput, ratesOut } from "@/lib/catalog/rates";
import { MODEL_TYPES, marginPercent, tokens } from "@/lib/catalog/schema";
import { instant, instantOut, modelId, name } from "@/lib/fields";

// What a provider offers, and models made of it

const figureSource = z.object({ name: z.string(), url: z.string(), date: z.string(), note: z.string().optional() });

/** What the bundled catalogue knows of a model. */
const figuresOut = z
  .object({
    type: z.enum(MODEL_TYPES),
    name: z.string().nullable(),
    contextWindow: z.int().nullable(),
    maxOutputTokens: z.int().nullable(),
    inputModalities: z.array(z.enum(MODALITIES)),
    outputModalities: z.array(z.enum(MODALITIES)),
    capabilities: z.array(z.enum(CAPABILITIES)),
    released: z.string().nullable(),
    /** null: nobody published one. That is not zero. */
    cost: ratesOut.nullable(),
    /** Of `facts`, `limits` and `cost`, and of single rates that come from elsewhere. */
    sources: z.record(z.string(), figureSource),
    /** Rates on which sources are more than 2 % apart. */
    disputed: z.array(z.string()),
  })
  .meta({ id: "ModelFigures" });

export const catalogueModelOut = figuresOut.extend({ kind: z.string(), id: z.string() }).meta({ id: "CatalogueModel" });
export type CatalogueModelRow = z.infer<typeof catalogueModelOut>;

export const upstreamModelOut = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    /** The model that has an offer of it already. */
    model: z.string().nullable(),
    suggestedId: z.string(),
    /** null: not in the catalogue. */
    figures: figuresOut.nullable(),
  })
  .meta({ id: "UpstreamModel" });
export type UpstreamModel = z.infer<typeof upstreamModelOut>;

/** Figures that are left out are the catalogue's. */
export const importInput = z
  .strictObject({
    marginPercent,
    models: z
      .array(
        z.strictObject({
          upstreamModel: z.string().trim().min(1).max(300),
          id: modelId.optional(),
          type: z.enum(MODEL_TYPES, `must be one of ${MODEL_TYPES.join(", ")}`).optional(),
          displayName: name.nullable().optional(),
          contextWindow: tokens.optional(),
          maxOutputTokens: tokens.optional(),
          cost: ratesInput.optional(),
        }),
      )
      .min(1)
      .max(500),
  })
  .refine(({ models }) => new Set(models.map(({ upstreamModel }) => upstreamModel)).size === models.length, {
    path: ["models"],
    message: "must not hold the same upstreamModel twice",
  });
export type ImportInput = z.infer<typeof importInput>;

// Comparison with public catalogues

export const MAX_CATALOGUE_BYTES = 20_000_000;

const syncSource = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("bundled") }),
  z.strictObject({ type: z.literal("url"), url: z.string().trim().min(1).max(2000) }),
  z
    .strictObject({
      type: z.literal("file"),
      name,
      /** The file's text. */
      content: z.string().max(MAX_CATALOGUE_BYTES).optional(),
      /** The same, compressed with gzip and written in base64. */
      gzip: z.string().max(MAX_CATALOGUE_BYTES).optional(),
    })
    .refine(({ content, gzip }) => (content === undefined) !== (gzip === undefined), {
      path: ["content"],
      message: "must be given, or gzip instead of it",
    }),
]);
export type SyncSource = z.infer<typeof syncSource>;

/** The most trusted first: its figures are taken, the others are compared with it and add what it does not state. */
export const syncInput = z.strictObject({ sources: z.array(syncSource).min(1).max(4) });
export type SyncInput = z.infer<typeof syncInput>;

export const SYNC_GROUPS = ["new", "changed", "removed", "suspicious"] as const;
export const SYNC_REASONS = ["jump", "disputed", "missing", "zero", "below_price", "unpriced"] as const;

const syncRowOut = z
  .object({
    key: z.string(),
    group: z.enum(SYNC_GROUPS),
    /** What ticking it does: a model with an offer, a new cost of an offer, an offer that is used no more, or nothing. */
    effect: z.enum(["add", "cost", "disable", "none"]),
    provider: z.string(),
    upstreamModel: z.string(),
    /** The model it belongs to, or will. */
    model: z.string(),
    before: ratesOut.nullable(),
    after: ratesOut.nullable(),
    /** Rates that differ. `changePercent` is null where there was none before. */
    changes: z.array(
      z.object({
        rate: z.string(),
        before: z.string().nullable(),
        after: z.string().nullable(),
        changePercent: z.string().nullable(),
      }),
    ),
    reasons: z.array(z.object({ reason: z.enum(SYNC_REASONS), rates: z.array(z.string()) })),
    /** Somebody entered the present cost by hand. */
    isCustom: z.boolean(),
    isPreselected: z.boolean(),
    source: z.string(),
  })
  .meta({ id: "CatalogueSyncRow" });
export type SyncRow = z.infer<typeof syncRowOut>;

const resultOut = z.object({ applied: z.array(z.string()), skipped: z.array(z.string()) });

const syncFields = {
  id: z.string(),
  state: z.enum(["ready", "applied", "undone"]),
  sources: z.array(z.object({ name: z.string(), format: z.string(), models: z.int() })),
  counts: z.record(z.enum(SYNC_GROUPS), z.int()),
  /** Offers that are locked and would otherwise have a row. */
  locked: z.int(),
  createdAt: instantOut,
  createdBy: z.string(),
  appliedAt: instantOut.nullable(),
  effectiveFrom: instantOut.nullable(),
  /** Keys of rows: `skipped` had changed meanwhile. */
  result: resultOut.nullable(),
  undoneAt: instantOut.nullable(),
  /** What undoing could not give back, as it had changed again or had no cost before. */
  undoResult: resultOut.nullable(),
};
export const syncListRowOut = z.object(syncFields).meta({ id: "CatalogueSyncHead" });
export type SyncHead = z.infer<typeof syncListRowOut>;
export const syncOut = z.object({ ...syncFields, rows: z.array(syncRowOut) }).meta({ id: "CatalogueSync" });
export type SyncDetail = z.infer<typeof syncOut>;

export const applyInput = z.strictObject({
  /** Keys of the rows to apply. */
  rows: z.array(z.string().max(600)).min(1).max(5000),
  /** Of models that are new. */
  marginPercent: marginPercent.optional(),
  /** Left out: at once. */
  effectiveFrom: instant.optional(),
  reason: z.string().trim().min(1).max(500).optional(),
});
export type ApplyInput = z.infer<typeof applyInput>;
