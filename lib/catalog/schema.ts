import { z } from "zod";
import { FEATURES, MODALITIES } from "@/lib/catalog/capabilities";
import { PROVIDER_KIND_IDS, type ProviderKindId } from "@/lib/catalog/provider-kinds";
import { ratesInput, ratesOut } from "@/lib/catalog/rates";
import { cursor, instant, instantOut, modelId, name, pageLimit, slug, weight } from "@/lib/fields";

export const configurationPage = z.strictObject({ limit: pageLimit(1000, 1000), cursor });
export type ConfigurationPage = z.infer<typeof configurationPage>;

// Providers

const baseUrl = z.string().trim().max(500);
const region = z.string().regex(/^[a-z0-9-]{1,40}$/, "must be a region such as eu-west-1");

export const providerInput = z.strictObject({
  slug,
  // safe because PROVIDER_KINDS is never empty
  kind: z.enum(
    PROVIDER_KIND_IDS as [ProviderKindId, ...ProviderKindId[]],
    `must be one of ${PROVIDER_KIND_IDS.join(", ")}`,
  ),
  displayName: name.optional(),
  baseUrl: baseUrl.nullable().optional(),
  region: region.nullable().optional(),
  enabled: z.boolean().optional(),
});
export type ProviderInput = z.infer<typeof providerInput>;

export const providerPatch = providerInput.omit({ slug: true, kind: true }).partial();
export type ProviderPatch = z.infer<typeof providerPatch>;

export const providerOut = z
  .object({
    id: z.string(),
    slug: z.string(),
    kind: z.string(),
    displayName: z.string(),
    /** null: the kind's own address. */
    baseUrl: z.string().nullable(),
    region: z.string().nullable(),
    enabled: z.boolean(),
    createdAt: instantOut,
    updatedAt: instantOut,
  })
  .meta({ id: "Provider" });
export type ProviderRow = z.infer<typeof providerOut>;

// Credentials. Secrets go into headers, so nothing in them may end one.

const secretText = z
  .string()
  .trim()
  .regex(/^[\x21-\x7e]{1,4000}$/, "must be 1 to 4000 printable characters without spaces");

const secretFields = {
  apiKey: secretText.optional(),
  accessKeyId: secretText.optional(),
  secretAccessKey: secretText.optional(),
  sessionToken: secretText.optional(),
  region: region.optional(),
};

const cap = z.int("must be a whole number").min(1, "must be at least 1").max(2_000_000_000).nullable().optional();

export const credentialInput = z.strictObject({
  name,
  ...secretFields,
  weight: weight.optional(),
  enabled: z.boolean().optional(),
  rpm: cap.meta({ description: "Calls a minute over all gateways, approximately; null for no cap." }),
  tpm: cap.meta({ description: "Tokens a minute over all gateways, approximately; null for no cap." }),
  test: z
    .boolean()
    .optional()
    .meta({ description: "Try the secret first, for up to 15 seconds; one that fails is not stored." }),
});
export type CredentialInput = z.infer<typeof credentialInput>;

export const credentialPatch = credentialInput.partial();
export type CredentialPatch = z.infer<typeof credentialPatch>;

export const credentialOut = z
  .object({
    id: z.string(),
    provider: z.string(),
    name: z.string(),
    last4: z.string(),
    fingerprint: z.string(),
    region: z.string().nullable(),
    weight: z.int(),
    enabled: z.boolean(),
    rpm: z.int().nullable(),
    tpm: z.int().nullable(),
    status: z.enum(["active", "needs_secret", "disabled", "verifying"]),
    statusReason: z.string().nullable(),
    /** What a disabled one was refused for. */
    refusal: z.enum(["auth", "balance"]).nullable(),
    /** The provider asked for a pause; null where it did not. */
    restingUntil: instantOut.nullable(),
    /** null: never; it was stored untested. */
    lastTestedAt: instantOut.nullable(),
    lastUsedAt: instantOut.nullable(),
    lastError: z.object({ class: z.string(), at: instantOut }).nullable(),
    /** What the provider says is left, where it tells. */
    balance: z.object({ amount: z.string(), unit: z.string(), at: instantOut }).nullable(),
    createdAt: instantOut,
    updatedAt: instantOut,
  })
  .meta({ id: "Credential" });
export type CredentialRow = z.infer<typeof credentialOut>;

export const credentialRemoval = z.strictObject({
  removeLastRoute: z
    .enum(["true", "false"])
    .optional()
    .meta({ description: "true: delete it although a served model has no other route; otherwise that is a 409." }),
});

export const credentialTestOut = z
  .object({ ok: z.boolean(), latencyMs: z.int(), error: z.string().optional() })
  .meta({ id: "CredentialTest" });
export type CredentialTest = z.infer<typeof credentialTestOut>;

// Models

export const MODEL_TYPES = ["chat", "embedding", "image", "speech", "transcription", "rerank", "video"] as const;

export const marginPercent = z
  .union([z.string(), z.number()], "must be a percentage such as 25")
  .transform(String)
  .pipe(
    z
      .string()
      .regex(/^-?\d{1,5}(\.\d{1,4})?$/, "must be a percentage with at most 4 decimals")
      .refine((text) => Number(text) > -100 && Number(text) <= 10_000, "must be above -100 and at most 10000"),
  )
  .meta({
    description: "Price = cost of the first-priority enabled offer, raised by this percentage.",
    examples: [25],
  });

export const tokens = z.int().min(1).max(100_000_000).nullable();

/** What is absent is unknown, which excludes nothing. */
const capabilities = z
  .strictObject({
    input: z.array(z.enum(MODALITIES)).optional(),
    output: z.array(z.enum(MODALITIES)).optional(),
    features: z.array(z.enum(FEATURES)).optional(),
  })
  .nullable();
const capabilitiesOut = z
  .object({
    input: z.array(z.enum(MODALITIES)).optional(),
    output: z.array(z.enum(MODALITIES)).optional(),
    features: z.array(z.enum(FEATURES)).optional(),
  })
  .nullable();

const milliseconds = (least: number, most: number) => z.int().min(least).max(most).optional();
/** Left out: 3 s, 60 s (600 s for answers in one piece), 120 s, 30 min. */
const timeouts = z
  .strictObject({
    connectMs: milliseconds(100, 60_000),
    firstByteMs: milliseconds(1_000, 1_800_000),
    idleMs: milliseconds(1_000, 1_800_000),
    totalMs: milliseconds(1_000, 1_800_000),
  })
  .nullable();
const timeoutsOut = z
  .object({
    connectMs: z.int().optional(),
    firstByteMs: z.int().optional(),
    idleMs: z.int().optional(),
    totalMs: z.int().optional(),
  })
  .nullable();

export const offerInput = z.strictObject({
  provider: slug,
  upstreamModel: z.string().trim().min(1).max(300),
  priority: z.int().min(0).max(1000).default(0),
  weight: weight.default(100),
  enabled: z.boolean().default(true),
  locked: z
    .boolean()
    .default(false)
    .meta({ description: "Comparisons with public catalogues propose nothing for it." }),
  cost: ratesInput.optional(),
  /** Where these differ from the model's. */
  contextWindow: tokens.optional(),
  capabilities: capabilities.optional(),
  timeouts: timeouts.optional(),
});

/** What a PUT replaces. A price or cost that is left out keeps the one in force. */
export const modelInput = z
  .strictObject({
    type: z.enum(MODEL_TYPES, `must be one of ${MODEL_TYPES.join(", ")}`),
    displayName: name.nullable().optional(),
    contextWindow: tokens.optional(),
    maxOutputTokens: tokens.optional(),
    capabilities: capabilities.optional(),
    enabled: z.boolean().default(true),
    offers: z.array(offerInput).max(100),
    price: ratesInput.optional(),
    marginPercent: marginPercent.optional(),
    /** When the price comes into force; left out, at once. */
    priceEffectiveFrom: instant.optional(),
    aliases: z.array(modelId).max(100).default([]),
    /** By alias: models that answer, in order, where this one cannot. Only calls that use the alias have them. */
    fallbacks: z.record(modelId, z.array(modelId).max(5)).default({}),
  })
  .refine(({ aliases, fallbacks }) => Object.keys(fallbacks).every((alias) => aliases.includes(alias)), {
    path: ["fallbacks"],
    message: "must be given for aliases of this model",
  })
  .refine((model) => model.price === undefined || model.marginPercent === undefined, {
    path: ["marginPercent"],
    message: "cannot be given together with price",
  })
  .refine(({ offers }) => new Set(offers.map((o) => `${o.provider}\n${o.upstreamModel}`)).size === offers.length, {
    path: ["offers"],
    message: "must not hold the same provider and upstreamModel twice",
  });
export type ModelInput = z.infer<typeof modelInput>;

/** What an organisation pays: for one model, or as a default for all. */
export const orgPriceInput = z
  .strictObject({
    model: modelId.optional(),
    price: ratesInput.optional(),
    /** Of the list price: 8000 is 20 % off. */
    factorBp: z.int().min(0).max(100_000).optional(),
    remove: z.literal(true).optional(),
    effectiveFrom: instant.optional(),
    reason: z.string().trim().min(1).max(500).optional(),
  })
  .refine(({ price, factorBp, remove }) => [price, factorBp, remove].filter((one) => one !== undefined).length === 1, {
    message: "must hold exactly one of price, factorBp and remove",
  })
  .refine(({ model, price }) => price === undefined || model !== undefined, {
    path: ["model"],
    message: "is needed with price: only a factor can hold for all models",
  });
export type OrgPriceInput = z.infer<typeof orgPriceInput>;

export const orgPriceOut = z
  .object({
    /** null: the default for all models without an agreement of their own. */
    model: z.string().nullable(),
    /** null: the list price times the factor. */
    price: ratesOut.nullable(),
    factorBp: z.int(),
    /** From then on the list price, or the default, holds again. */
    removed: z.boolean(),
    effectiveFrom: instantOut,
    reason: z.string().nullable(),
  })
  .meta({ id: "OrgPrice" });
export type OrgPriceRow = z.infer<typeof orgPriceOut>;

export const offerOut = z.object({
  id: z.string(),
  provider: z.string(),
  upstreamModel: z.string(),
  priority: z.int(),
  weight: z.int(),
  enabled: z.boolean(),
  locked: z.boolean(),
  cost: ratesOut.nullable(),
  contextWindow: z.int().nullable(),
  capabilities: capabilitiesOut,
  timeouts: timeoutsOut,
});

export const modelOut = z
  .object({
    id: z.string(),
    type: z.enum(MODEL_TYPES),
    displayName: z.string().nullable(),
    contextWindow: z.int().nullable(),
    maxOutputTokens: z.int().nullable(),
    capabilities: capabilitiesOut,
    enabled: z.boolean(),
    marginPercent: z.string().nullable(),
    offers: z.array(offerOut),
    price: ratesOut.nullable(),
    aliases: z.array(z.string()),
    fallbacks: z.record(z.string(), z.array(z.string())),
    createdAt: instantOut,
    updatedAt: instantOut,
  })
  .meta({ id: "Model" });
export type ModelRow = z.infer<typeof modelOut>;

/** Who made a comparison with catalogues that nobody asked for at the moment. */
export const ON_SCHEDULE = "worker";
