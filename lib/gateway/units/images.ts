import type { ImageModelV4CallOptions } from "@ai-sdk/provider";
import { addUsage, totalInputTokens, totalOutputTokens, type Usage } from "@/lib/billing/usage";
import { AppError } from "@/lib/errors";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { countOf, optionalText, refuseStream, routingOf, textOf } from "@/lib/gateway/units/fields";
import { Parts } from "@/lib/gateway/units/parts";
import type { TranslatedAnswer, TranslationTarget, Unit, UnitCall } from "@/lib/gateway/units/unit";
import { imagesUsage } from "@/lib/gateway/usage/media";
import type { UsageReading } from "@/lib/gateway/usage/reading";

const LIMIT_BYTES = 20 * 1024 * 1024;
const MAX_IMAGES = 10;
/** The dearest that OpenAI's token-priced models make one image of (1536×1024, high: 6,208), with room. */
export const IMAGE_OUTPUT_TOKENS = 8_192;

/** POST /images/generations. */
export const imageGenerations: Unit = {
  id: "openai-images",
  endpoint: "images/generations",
  modelType: "image",
  limitBytes: LIMIT_BYTES,
  parse: (body) => parseImages(parseJsonObject(body), body.length),
  canTranslate: ({ imageModel }) => imageModel !== undefined,
};

/** A body of that endpoint. Throws as every parser of units does. */
export function parseImages(body: JsonObject, inputBytes: number): UnitCall {
  const routing = routingOf(body);
  const prompt = textOf(body, "prompt", "what the image shall show");
  const n = countOf(body, "n", { least: 1, most: MAX_IMAGES });
  const size = optionalText(body, "size");
  const quality = optionalText(body, "quality");
  optionalText(body, "response_format");
  refuseStream(body);
  delete body.partial_images;
  const parts = new Parts<Part>((made) => usageOf(made, size));
  return {
    ...routing,
    warnings: [],
    bound: { inputTokens: inputBytes, outputTokens: n * IMAGE_OUTPUT_TOKENS, images: n },
    countInput: () => countTokens(prompt),
    relayOnly: null,
    relayBody(upstreamModel) {
      const sent: JsonObject = { ...body, model: upstreamModel };
      // these models always answer with bytes and refuse to be asked
      if (upstreamModel.includes("gpt-image")) delete sent.response_format;
      return { body: JSON.stringify(sent), contentType: "application/json" };
    },
    readUsage: ({ json }) => relayedImages(json, n, { ...(size && { size }), ...(quality && { quality }) }),
    translate: (target) => translate(target, parts, { body, prompt, n, size }),
  };
}

/** What an upstream's own answer used: all `n` that were asked for, where it cannot be read at all. */
export function relayedImages(
  json: JsonObject | null,
  n: number,
  requested: { size?: string; quality?: string },
): UsageReading {
  if (json) return imagesUsage(json, requested);
  return { usage: { images: n }, source: "estimated", anomalies: ["unreadable_answer"] };
}

type Asked = { body: JsonObject; prompt: string; n: number; size: string | undefined };

type Part = { images: string[] /** In tokens, where its provider counts those. */; tokens: UsageReading | null };

async function translate(target: TranslationTarget, memory: Parts<Part>, asked: Asked): Promise<TranslatedAnswer> {
  const { provider, settings, upstreamModel, signal } = target;
  if (!provider.imageModel) throw new Error(`${provider.id} has no image models`);
  const model = await provider.imageModel(settings, upstreamModel);
  const most = typeof model.maxImagesPerCall === "number" ? model.maxImagesPerCall : 1;
  const { parts, ...used } = await memory.complete(target.offerId, Math.ceil(asked.n / most), async (index) => {
    const n = Math.min(most, asked.n - index * most);
    const { images, providerMetadata } = await model.doGenerate({
      ...{ prompt: asked.prompt, n, size: sizeOf(asked.size), aspectRatio: undefined },
      ...{ seed: undefined, files: undefined, mask: undefined, providerOptions: {}, abortSignal: signal },
    });
    // chat models that paint are paid by the token, which the module's own figures sum up
    const { usageMetadata: reported } = (providerMetadata?.[provider.id] ?? {}) as { usageMetadata?: unknown };
    return {
      images: images.map((image) => (typeof image === "string" ? image : toBase64(image))),
      tokens: reported ? provider.usage(reported) : null,
    };
  });
  const isUrl = asked.body.response_format === "url";
  return {
    ...used,
    body: {
      created: Math.floor(target.now / 1000),
      data: parts
        .flatMap(({ images }) => images)
        .map((image) => (isUrl ? { url: `data:image/png;base64,${image}` } : { b64_json: image })),
      ...(parts.some(({ tokens }) => tokens) && { usage: tokensOf(usageOf(parts, asked.size).usage) }),
    },
  };
}

function usageOf(parts: readonly Part[], size: string | undefined): UsageReading {
  const counted = imagesUsage({ data: parts.flatMap(({ images }) => images) }, { size: size ?? "auto" });
  const tokens = parts.flatMap((part) => part.tokens ?? []);
  return {
    ...counted,
    usage: tokens.reduce((sum, { usage }) => addUsage(sum, usage), counted.usage),
    anomalies: [...counted.anomalies, ...tokens.flatMap(({ anomalies }) => anomalies)],
  };
}

/** As OpenAI words it. */
function tokensOf(usage: Usage): JsonObject {
  const [input, output, pictures] = [totalInputTokens(usage), totalOutputTokens(usage), usage.imageInput ?? 0];
  return {
    ...{ input_tokens: input, output_tokens: output, total_tokens: input + output },
    input_tokens_details: { text_tokens: input - pictures, image_tokens: pictures },
  };
}

function sizeOf(size: string | undefined): ImageModelV4CallOptions["size"] {
  if (size === undefined || size === "auto") return undefined;
  if (!/^\d+x\d+$/.test(size))
    throw new AppError("unsupported_value", '"size" must be "auto" or like "1024x1024".', { param: "size" });
  return size as `${number}x${number}`;
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
