import { AppError } from "@/lib/errors";
import { routingOf } from "@/lib/gateway/units/fields";
import { hear } from "@/lib/gateway/units/hearing";
import { filesOf, parseMultipart, relayForm, routingFields, textField } from "@/lib/gateway/units/multipart";
import type { Unit, UnitDialectId } from "@/lib/gateway/units/unit";
import { transcriptionUsage } from "@/lib/gateway/usage/media";

const LIMIT_BYTES = 32 * 1024 * 1024;
/** No codec that is taken stores speech in less: a bound of the seconds in a file. */
const LEAST_BYTES_PER_SECOND = 750;
/** Of sound, and of the text that it comes to. */
const INPUT_TOKENS_PER_SECOND = 32;
const OUTPUT_TOKENS_PER_SECOND = 10;
/** For a chat model's instructions, and for what it thinks although it need not. */
const CHAT_INPUT_TOKENS = 2_048;
const CHAT_OUTPUT_TOKENS = 2_048;
/** What only a model that measures times or certainty can answer, besides formats with times in them. */
const MEASURED = ["timestamp_granularities", "include"];

/** POST /audio/transcriptions. `text`, `srt` and `vtt` come back as plain text; chat models that hear give text alone. */
export const transcriptions = hearing("openai-transcriptions", "audio/transcriptions");

/** POST /audio/translations: the same into English. */
export const translations = hearing("openai-translations", "audio/translations");

function hearing(id: UnitDialectId, endpoint: string): Unit {
  return {
    ...{ id, endpoint, modelType: "transcription", limitBytes: LIMIT_BYTES },
    async parse(body, { headers }) {
      const form = await parseMultipart(body, headers["content-type"]);
      const routing = routingOf(routingFields(form));
      const [file] = filesOf(form, "file") as [File, ...File[]];
      if (textField(form, "stream") === "true")
        throw new AppError("unsupported_parameter", '"stream" is not supported by this endpoint.', { param: "stream" });
      const seconds = Math.ceil(file.size / LEAST_BYTES_PER_SECOND);
      const format = textField(form, "response_format") ?? "json";
      const measured = MEASURED.find((name) => form.has(name) || form.has(`${name}[]`));
      const hint = textField(form, "prompt");
      const inputTokens = seconds * INPUT_TOKENS_PER_SECOND;
      const outputTokens = seconds * OUTPUT_TOKENS_PER_SECOND + CHAT_OUTPUT_TOKENS;
      return {
        ...routing,
        warnings: [],
        bound: {
          inputTokens: inputTokens + CHAT_INPUT_TOKENS + Buffer.byteLength(hint ?? ""),
          outputTokens,
          milliseconds: seconds * 1_000,
        },
        countInput: () => inputTokens,
        relayOnly: format === "json" || format === "text" ? (measured ?? null) : "response_format",
        relayBody: (upstreamModel) => relayForm(form, upstreamModel),
        // text forms say nothing of usage: the sound then counts by its bytes
        readUsage: ({ json }) => {
          const reading = transcriptionUsage(json);
          return reading.source === "reported"
            ? reading
            : { usage: { milliseconds: seconds * 1_000 }, source: "reported", anomalies: ["duration_by_size"] };
        },
        translate: (target) =>
          hear(target, {
            ...{ file, hint, language: textField(form, "language"), temperature: temperatureOf(form) },
            ...{ isTranslated: id === "openai-translations", format: format === "text" ? "text" : "json" },
            ...{ maxOutputTokens: outputTokens, inputTokens },
          }),
      };
    },
    canTranslate: ({ hears }) => hears === true,
  };
}

function temperatureOf(form: FormData): number | undefined {
  const value = Number(textField(form, "temperature") ?? Number.NaN);
  return Number.isFinite(value) ? value : undefined;
}
