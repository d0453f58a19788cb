import { AppError } from "@/lib/errors";
import { parseJsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { affinityOf, modelOf, optionalText, textOf } from "@/lib/gateway/units/fields";
import type { Unit } from "@/lib/gateway/units/unit";
import { speechUsage } from "@/lib/gateway/usage/media";

/** Slow speech at the 20 tokens a second that token-priced models make of sound: more than a character ever comes to. */
const AUDIO_TOKENS_PER_CHARACTER = 8;

/** POST /audio/speech: raw audio in the format that was asked for. Relayed only. */
export const speech: Unit = {
  id: "openai-speech",
  endpoint: "audio/speech",
  modelType: "speech",
  limitBytes: 1024 * 1024,
  parse(bytes) {
    const body = parseJsonObject(bytes);
    const model = modelOf(body);
    const input = textOf(body, "input", "the text to speak");
    optionalText(body, "response_format");
    if (body.stream_format === "sse")
      throw new AppError("unsupported_value", '"stream_format" must be "audio".', { param: "stream_format" });
    const characters = [...input].length;
    return {
      model,
      affinity: affinityOf(body),
      warnings: [],
      bound: { inputTokens: bytes.length, outputTokens: characters * AUDIO_TOKENS_PER_CHARACTER, characters },
      countInput: () => countTokens(input),
      relayOnly: null,
      relayBody: (upstreamModel) => ({
        body: JSON.stringify({ ...body, model: upstreamModel }),
        contentType: "application/json",
      }),
      readUsage: ({ json }) => speechUsage(json?.usage, input),
    };
  },
  canTranslate: () => false,
};
