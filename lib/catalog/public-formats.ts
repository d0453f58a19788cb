import { Decimal, parseExactJson, scaledUsd, wholeNumber } from "@/lib/catalog/exact-json";
import { CAPABILITIES, type Capability, MODALITIES, type Modality, type ModelFigures } from "@/lib/catalog/figures";
import { PROVIDER_KIND_IDS, type ProviderKindId } from "@/lib/catalog/provider-kinds";
import { ratesInput, type StoredRates } from "@/lib/catalog/rates";

/** The two public catalogues of models and prices, LiteLLM's and models.dev's, read into one form. */
export type PublicFormat = "litellm" | "models.dev";
/** Where they are kept. */
export const PUBLIC_CATALOGUES: Record<PublicFormat, { name: string; url: string }> = {
  litellm: {
    name: "LiteLLM",
    url: "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json",
  },
  "models.dev": { name: "models.dev", url: "https://models.dev/api.json" },
};
export type PublicCatalogue = { format: PublicFormat; models: ModelFigures[] };

/** A text that is neither of the two; the message says why and is shown. */
export class FormatError extends Error {
  override readonly name = "FormatError";
}

type Json = Record<string, unknown>;
type Written = { [rate: string]: string | Written[] | Record<string, Written> | number };

/** Throws FormatError. Entries that are no models of a provider we know are left out. Of two entries for one model the one under
 *  its plain name stays. @param today YYYY-MM-DD: what is deprecated by then is retired. */
export function readPublicCatalogue(text: string, today: string): PublicCatalogue {
  const root = parse(text);
  const providers = isJson(root.providers) ? root.providers : root;
  const entries = Object.entries(providers).filter((entry): entry is [string, Json] => isJson(entry[1]));
  const format = entries.some(([, { models }]) => isJson(models))
    ? "models.dev"
    : entries.some(([, { litellm_provider }]) => typeof litellm_provider === "string")
      ? "litellm"
      : null;
  if (!format) throw new FormatError("The file has neither the form of LiteLLM nor that of models.dev.");
  const models =
    format === "litellm" ? entries.flatMap((entry) => readLiteLlm(entry, today)) : entries.flatMap(readModelsDev);
  const byName = new Map<string, Ranked>();
  for (const model of models) {
    const known = byName.get(figuresKey(model.figures));
    if (!known || known.rank > model.rank) byName.set(figuresKey(model.figures), model);
  }
  return { format, models: [...byName.values()].map(({ figures }) => figures) };
}

export function figuresKey({ kind, id }: Pick<ModelFigures, "kind" | "id">): string {
  return `${kind} ${id}`;
}

/** Of two entries for one model the lower rank is kept. */
type Ranked = { rank: number; figures: ModelFigures };

function parse(text: string): Json {
  try {
    const root = parseExactJson(text);
    if (isJson(root)) return root;
  } catch {
    throw new FormatError("The file is not JSON.");
  }
  throw new FormatError("The file is not a JSON object.");
}

// models.dev: providers with their models; costs in USD per million tokens

const MODELS_DEV_KINDS: Record<string, ProviderKindId> = {
  "amazon-bedrock": "bedrock",
  "ollama-cloud": "ollama",
  volcengine: "doubao",
};
const MODELS_DEV_RATES: Record<string, string> = {
  input: "input",
  output: "output",
  cache_read: "cacheRead",
  cache_write: "cacheWrite",
  reasoning: "reasoning",
  input_audio: "audioInput",
  output_audio: "audioOutput",
};

function readModelsDev([provider, { models }]: [string, Json]): Ranked[] {
  const kind = MODELS_DEV_KINDS[provider] ?? knownKind(provider);
  if (!kind || !isJson(models)) return [];
  return Object.entries(models).flatMap(([key, model]): Ranked[] => {
    if (!isJson(model)) return [];
    const limit = isJson(model.limit) ? model.limit : {};
    const modalities = isJson(model.modalities) ? model.modalities : {};
    const [input, output] = [readModalities(modalities.input), readModalities(modalities.output)];
    const id = text(model.id) ?? key;
    const figures: ModelFigures = {
      kind,
      id,
      name: text(model.name),
      type: /embed/i.test(id) ? "embedding" : typeOf(output),
      contextWindow: wholeNumber(limit.context),
      maxOutputTokens: wholeNumber(limit.output),
      input,
      output,
      capabilities: capabilitiesOf({
        tools: model.tool_call === true,
        structured_output: model.structured_output === true,
        reasoning: model.reasoning === true,
        prompt_caching: isJson(model.cost) && model.cost.cache_read !== undefined,
        web_search: false,
      }),
      released: day(model.release_date),
      isRetired: model.status === "deprecated",
      cost: isJson(model.cost) ? modelsDevCost(model.cost) : null,
    };
    return [{ rank: 0, figures }];
  });
}

function modelsDevCost(cost: Json): StoredRates | null {
  const written = ratesNamed(cost, MODELS_DEV_RATES, 0);
  const tiers = Array.isArray(cost.tiers) ? cost.tiers : [];
  const above = tiers.flatMap((one): Written[] => {
    const size = isJson(one) && isJson(one.tier) ? wholeNumber(one.tier.size) : null;
    return size === null ? [] : [{ aboveInputTokens: size, ...ratesNamed(one, MODELS_DEV_RATES, 0) }];
  });
  const over = cost.context_over_200k;
  if (above.length === 0 && isJson(over))
    above.push({ aboveInputTokens: 200_000, ...ratesNamed(over, MODELS_DEV_RATES, 0) });
  return toStored(above.length > 0 ? { ...written, tiers: above } : written);
}

// LiteLLM: models by name; costs in USD per token, character, second and image

const LITELLM_KINDS: Record<string, ProviderKindId> = {
  gemini: "google",
  bedrock_converse: "bedrock",
  volcengine: "doubao",
};
/** Prices of Gemini on Vertex stand in where a file has none of the Gemini API. */
const VERTEX = /^vertex_ai-(language|embedding|image)-models$/;
const LITELLM_TYPES: Record<string, ModelFigures["type"]> = {
  chat: "chat",
  responses: "chat",
  embedding: "embedding",
  image_generation: "image",
  audio_speech: "speech",
  audio_transcription: "transcription",
  rerank: "rerank",
};
const LITELLM_RATES: Record<string, string> = {
  input_cost_per_token: "input",
  output_cost_per_token: "output",
  cache_read_input_token_cost: "cacheRead",
  cache_creation_input_token_cost: "cacheWrite",
  cache_creation_input_token_cost_above_1hr: "cacheWrite1h",
  output_cost_per_reasoning_token: "reasoning",
  input_cost_per_audio_token: "audioInput",
  output_cost_per_audio_token: "audioOutput",
  input_cost_per_image_token: "imageInput",
  output_cost_per_image_token: "imageOutput",
};
const LITELLM_SERVICES: Record<string, string> = { _flex: "flex", _priority: "priority", _batches: "batch" };
const PREFIX = /^(?:openai|anthropic|gemini|deepseek|xai|openrouter|ollama|volcengine|bedrock|poe)\//;

function readLiteLlm([key, model]: [string, Json], today: string): Ranked[] {
  const provider = text(model.litellm_provider) ?? "";
  const isVertex = VERTEX.test(provider) && key.startsWith("gemini-");
  const kind = isVertex ? "google" : (LITELLM_KINDS[provider] ?? knownKind(provider));
  const type = LITELLM_TYPES[text(model.mode) ?? ""];
  const id = key.replace(PREFIX, "");
  // sizes, steps and regions of older image and Bedrock prices are not models
  if (!kind || !type || (id.includes("/") && kind !== "openrouter" && kind !== "poe")) return [];
  const supports = (name: string) => model[`supports_${name}`] === true;
  const input = modalitiesOr(model.supported_modalities, [
    type === "transcription" ? "audio" : "text",
    ...(supports("vision") ? (["image"] as const) : []),
    ...(supports("audio_input") ? (["audio"] as const) : []),
    ...(supports("video_input") ? (["video"] as const) : []),
    ...(supports("pdf_input") ? (["file"] as const) : []),
  ]);
  const figures: ModelFigures = {
    kind,
    id,
    name: null,
    type,
    contextWindow: wholeNumber(model.max_input_tokens),
    maxOutputTokens: type === "chat" ? wholeNumber(model.max_output_tokens) : null,
    input,
    output: modalitiesOr(model.supported_output_modalities, [
      type === "image" ? "image" : type === "speech" ? "audio" : "text",
    ]),
    capabilities: capabilitiesOf({
      tools: supports("function_calling"),
      structured_output: supports("response_schema"),
      reasoning: supports("reasoning"),
      prompt_caching: supports("prompt_caching"),
      web_search: supports("web_search"),
    }),
    released: null,
    isRetired: (day(model.deprecation_date) ?? "9999") <= today,
    cost: liteLlmCost(model, type),
  };
  return [{ rank: isVertex ? 2 : id === key ? 0 : 1, figures }];
}

function liteLlmCost(model: Json, type: ModelFigures["type"]): StoredRates | null {
  const written = withTiers(model, "");
  const hasTokens = Object.keys(written).length > 0;
  if (!hasTokens) Object.assign(written, pieceRates(model, type));
  // never both: an image that is paid as tokens is not paid again as a piece
  else if (type === "image" && written.imageOutput === undefined && written.output === undefined)
    Object.assign(written, imageRate(model));
  const services = Object.entries(LITELLM_SERVICES).flatMap(([suffix, service]) => {
    const rates = withTiers(model, suffix);
    return Object.keys(rates).length > 0 ? [[service, rates] as const] : [];
  });
  return toStored(services.length > 0 ? { ...written, serviceTiers: Object.fromEntries(services) } : written);
}

/** Of whoever charges by the piece; whoever charges tokens states the others for comparison only. */
function pieceRates(model: Json, type: ModelFigures["type"]): Written {
  const [second, characters] = [scaledUsd(model.input_cost_per_second), scaledUsd(model.input_cost_per_character, 6)];
  if (type === "transcription" && second) return { perSecond: second };
  if (type === "speech" && characters) return { perMillionCharacters: characters };
  return type === "image" ? imageRate(model) : {};
}

function imageRate(model: Json): Written {
  const image = scaledUsd(model.output_cost_per_image);
  return image ? { perImage: image } : {};
}

function withTiers(model: Json, suffix: string): Written {
  const written = ratesNamed(model, suffixed(suffix), 6);
  const sizes = new Set(
    Object.keys(model).flatMap((name) => {
      const size = new RegExp(`_above_(\\d+)k_tokens${suffix}$`).exec(name)?.[1];
      return size ? [Number(size)] : [];
    }),
  );
  const tiers = [...sizes]
    .toSorted((a, b) => a - b)
    .map((size): Written => {
      const rates = ratesNamed(model, suffixed(`_above_${size}k_tokens${suffix}`), 6);
      return { aboveInputTokens: size * 1000, ...rates };
    });
  return tiers.length > 0 && Object.keys(written).length > 0 ? { ...written, tiers } : written;
}

function suffixed(suffix: string): Record<string, string> {
  return Object.fromEntries(Object.entries(LITELLM_RATES).map(([name, rate]) => [name + suffix, rate]));
}

// both

function ratesNamed(from: Json, names: Record<string, string>, shift: number): Written {
  return Object.fromEntries(
    Object.entries(names).flatMap(([name, rate]) => {
      const amount = scaledUsd(from[name], shift);
      return amount === null ? [] : [[rate, amount]];
    }),
  );
}

/** Null where no rate, or none that can be written, is stated. */
function toStored(written: Written): StoredRates | null {
  return ratesInput.safeParse(written).data ?? null;
}

function typeOf(output: readonly Modality[]): ModelFigures["type"] {
  if (output.includes("text")) return "chat";
  if (output.includes("image")) return "image";
  if (output.includes("video")) return "video";
  return output.includes("audio") ? "speech" : "chat";
}

function readModalities(value: unknown): Modality[] {
  const named = Array.isArray(value) ? value.map((one) => (one === "pdf" ? "file" : one)) : [];
  return MODALITIES.filter((modality) => named.includes(modality));
}

function modalitiesOr(value: unknown, otherwise: readonly Modality[]): Modality[] {
  const read = readModalities(value);
  return MODALITIES.filter((modality) => read.includes(modality) || otherwise.includes(modality));
}

function capabilitiesOf(has: Record<Capability, boolean>): Capability[] {
  return CAPABILITIES.filter((capability) => has[capability]);
}

function knownKind(provider: string): ProviderKindId | undefined {
  return PROVIDER_KIND_IDS.find((id) => id === provider && id !== "sandbox" && id !== "openai-compatible");
}

function day(value: unknown): string | null {
  const found = /^\d{4}-\d{2}(-\d{2})?/.exec(text(value) ?? "")?.[0] ?? null;
  return found?.length === 7 ? `${found}-01` : found;
}

function text(value: unknown): string | null {
  return typeof value === "string" && value.trim() ? value.trim() : null;
}

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Decimal);
}
