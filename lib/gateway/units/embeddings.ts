import { AppError } from "@/lib/errors";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { optionalText, routingOf } from "@/lib/gateway/units/fields";
import { Parts } from "@/lib/gateway/units/parts";
import type { TranslatedAnswer, TranslationTarget, Unit, UnitCall } from "@/lib/gateway/units/unit";
import { embeddingsUsage } from "@/lib/gateway/usage/media";
import type { UsageReading } from "@/lib/gateway/usage/reading";

const LIMIT_BYTES = 20 * 1024 * 1024;
const MAX_INPUTS = 2_048;

/** POST /embeddings. */
export const embeddings: Unit = {
  id: "openai-embeddings",
  endpoint: "embeddings",
  modelType: "embedding",
  limitBytes: LIMIT_BYTES,
  parse: (body) => parseEmbeddings(parseJsonObject(body), body.length),
  canTranslate: ({ embeddingModel }) => embeddingModel !== undefined,
};

function parseEmbeddings(body: JsonObject, inputBytes: number): UnitCall {
  const routing = routingOf(body);
  const { texts, tokens } = inputOf(body.input);
  const format = optionalText(body, "encoding_format") ?? "float";
  if (format !== "float" && format !== "base64")
    throw new AppError("unsupported_value", '"encoding_format" must be "float" or "base64".', {
      param: "encoding_format",
    });
  const dimensions = dimensionsOf(body.dimensions);
  const parts = new Parts<Part>(usageOf);
  return {
    ...routing,
    warnings: [],
    bound: { inputTokens: texts ? inputBytes : tokens, outputTokens: 0 },
    countInput: () => (texts ? countTexts(texts) : tokens),
    relayOnly: texts ? null : "input",
    relayBody: (upstreamModel) => ({
      body: JSON.stringify({ ...body, model: upstreamModel }),
      contentType: "application/json",
    }),
    readUsage: ({ json }) => embeddingsUsage(json?.usage),
    translate: (target) => translate(target, parts, { texts: texts ?? [], dimensions, isPacked: format === "base64" }),
  };
}

/** A text, texts, or tokens of one or several texts, which only their own tokeniser's provider understands. */
function inputOf(input: unknown): { texts: string[] | null; tokens: number } {
  if (typeof input === "string" && input !== "") return { texts: [input], tokens: 0 };
  const list: unknown[] = Array.isArray(input) ? input : [];
  if (list.length === 0)
    throw new AppError("invalid_request", '"input" is missing: give a text or a list of texts.', { param: "input" });
  if (list.every((item) => typeof item === "number")) return { texts: null, tokens: list.length };
  if (list.length > MAX_INPUTS)
    throw new AppError("invalid_request", `"input" holds more than ${MAX_INPUTS} texts.`, { param: "input" });
  if (list.every((item) => typeof item === "string" && item !== "")) return { texts: list as string[], tokens: 0 };
  if (list.every((item) => Array.isArray(item) && item.length > 0))
    return { texts: null, tokens: (list as unknown[][]).reduce((sum, item) => sum + item.length, 0) };
  throw new AppError("invalid_type", '"input" must be a text, a list of texts that are not empty, or tokens.', {
    param: "input",
  });
}

function dimensionsOf(value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1)
    throw new AppError("invalid_request", '"dimensions" must be a positive integer.', { param: "dimensions" });
  return value;
}

type Asked = { texts: string[]; dimensions: number | null; isPacked: boolean };
type Part = { vectors: number[][]; texts: string[] /** Null where nobody reports them. */; tokens: number | null };

/** Batches above the provider's cap are split; the order stays, usage is summed. */
async function translate(target: TranslationTarget, memory: Parts<Part>, asked: Asked): Promise<TranslatedAnswer> {
  const { provider, settings, upstreamModel, signal } = target;
  if (!provider.embeddingModel) throw new Error(`${provider.id} has no embedding models`);
  const model = await provider.embeddingModel(settings, upstreamModel);
  const size = (await model.maxEmbeddingsPerCall) ?? asked.texts.length;
  const { parts, ...used } = await memory.complete(
    target.offerId,
    Math.ceil(asked.texts.length / size),
    async (index) => {
      const texts = asked.texts.slice(index * size, (index + 1) * size);
      const { embeddings: vectors, usage } = await model.doEmbed({
        values: texts,
        abortSignal: signal,
        ...(asked.dimensions !== null && { providerOptions: dimensionOptions(asked.dimensions, upstreamModel) }),
      });
      return { vectors, texts, tokens: usage?.tokens ?? null };
    },
  );
  const tokens = usageOf(parts).usage.input ?? 0;
  return {
    ...used,
    body: {
      object: "list",
      data: parts
        .flatMap(({ vectors }) => vectors)
        .map((vector, index) => ({
          object: "embedding",
          index,
          embedding: asked.isPacked ? pack(vector) : vector,
        })),
      model: target.model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    },
  };
}

function usageOf(parts: readonly Part[]): UsageReading {
  return {
    usage: { input: parts.reduce((sum, { tokens, texts }) => sum + (tokens ?? countTexts(texts)), 0) },
    source: parts.every(({ tokens }) => tokens !== null) ? "reported" : "estimated",
    anomalies: [],
  };
}

function countTexts(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + countTokens(text), 0);
}

/** Each provider's module reads its own name, Bedrock's one for each family of models. */
function dimensionOptions(dimensions: number, upstreamModel: string) {
  const family = /nova/.test(upstreamModel) ? "embeddingDimension" : "dimensions";
  return {
    google: { outputDimensionality: dimensions },
    amazonBedrock: { [/cohere/.test(upstreamModel) ? "outputDimension" : family]: dimensions },
    openai: { dimensions },
  };
}

/** Little-endian float32, as OpenAI's SDKs decode it. */
function pack(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}
