import { AppError } from "@/lib/errors";
import { moduleWarnings } from "@/lib/gateway/dialects/module-warnings";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { optionalText, routingOf, textOf } from "@/lib/gateway/units/fields";
import type { TranslatedAnswer, TranslationTarget, Unit } from "@/lib/gateway/units/unit";
import { speechUsage } from "@/lib/gateway/usage/media";

/** Slow speech at the 20 tokens a second that token-priced models make of sound: more than a character ever comes to. */
const AUDIO_TOKENS_PER_CHARACTER = 8;
/** What a token of text comes to when it is spoken at that rate, in any language. */
const AUDIO_TOKENS_PER_TOKEN = 6;
/** What a translated answer may be asked for as; the first where the client does not say. */
const PLAIN_TYPES: Record<string, string> = { wav: "audio/wav", pcm: "audio/pcm" };
/** OpenAI's own voices: nobody else has them, and clients name one because they must. */
const OPENAI_VOICES = /^(alloy|ash|ballad|coral|echo|fable|onyx|nova|sage|shimmer|verse|marin|cedar)$/;

/** POST /audio/speech: raw audio in the format that was asked for; by translation as plain sound only. */
export const speech: Unit = {
  id: "openai-speech",
  endpoint: "audio/speech",
  modelType: "speech",
  limitBytes: 1024 * 1024,
  parse(bytes) {
    const body = parseJsonObject(bytes);
    const routing = routingOf(body);
    const input = textOf(body, "input", "the text to speak");
    const format = optionalText(body, "response_format");
    if (body.stream_format === "sse")
      throw new AppError("unsupported_value", '"stream_format" must be "audio".', { param: "stream_format" });
    const characters = [...input].length;
    return {
      ...routing,
      warnings: [],
      bound: { inputTokens: bytes.length, outputTokens: characters * AUDIO_TOKENS_PER_CHARACTER, characters },
      countInput: () => countTokens(input),
      relayOnly: format !== undefined && PLAIN_TYPES[format] === undefined ? "response_format" : null,
      relayBody: (upstreamModel) => ({
        body: JSON.stringify({ ...body, model: upstreamModel }),
        contentType: "application/json",
      }),
      readUsage: ({ json }) => speechUsage(json?.usage, input),
      // raw sound says nothing of tokens, and some models have no other price
      convertUsage: (usage) =>
        usage.characters === undefined
          ? { characters }
          : { input: countTokens(input), audioOutput: spokenTokens(input, characters) },
      translate: (target) => translate(target, { body, input, format: format ?? "wav" }),
    };
  },
  canTranslate: ({ speechModel }) => speechModel !== undefined,
};

function spokenTokens(input: string, characters: number): number {
  return Math.min(countTokens(input) * AUDIO_TOKENS_PER_TOKEN, characters * AUDIO_TOKENS_PER_CHARACTER);
}

type Asked = { body: JsonObject; input: string; format: string };

async function translate(target: TranslationTarget, { body, input, format }: Asked): Promise<TranslatedAnswer> {
  const { provider, settings, upstreamModel, signal } = target;
  if (!provider.speechModel) throw new Error(`${provider.id} has no speech models`);
  const model = await provider.speechModel(settings, upstreamModel);
  const voice = optionalText(body, "voice");
  const isForeign = voice !== undefined && OPENAI_VOICES.test(voice);
  const instructions = optionalText(body, "instructions");
  const { audio, warnings, response } = await model.doGenerate({
    text: input,
    outputFormat: format,
    ...(voice !== undefined && !isForeign && { voice }),
    ...(instructions !== undefined && { instructions }),
    ...(typeof body.speed === "number" && body.speed !== 1 && { speed: body.speed }),
    abortSignal: signal,
  });
  const raw = (response.body ?? {}) as { usageMetadata?: unknown };
  const reported = raw.usageMetadata === undefined ? null : provider.usage(raw.usageMetadata);
  return {
    reading: reported?.source === "reported" ? reported : speechUsage(undefined, input),
    warnings: [...(isForeign ? ["voice"] : []), ...moduleWarnings(warnings)],
    bytes: typeof audio === "string" ? Buffer.from(audio, "base64") : audio,
    contentType: PLAIN_TYPES[format] ?? "application/octet-stream",
  };
}
