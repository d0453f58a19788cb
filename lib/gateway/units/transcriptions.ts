import { totalInputTokens } from "@/lib/billing/usage";
import { countTokens } from "@/lib/gateway/meter/tokens";
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
/** Of sound, as OpenAI's models count it when relayed, and Gemini's when translated: where a price is by the other unit. */
const TOKENS_PER_SECOND = { relay: 10, translate: INPUT_TOKENS_PER_SECOND };
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
        countInput: () => inputTokens + countTokens(hint ?? ""),
        mediaTokens: CHAT_INPUT_TOKENS,
        relayOnly: format === "json" || format === "text" ? (measured ?? null) : "response_format",
        // a text says nothing of what it took; as JSON it does, and is the same text
        relayBody: (model) => relayForm(form, { model, ...(format === "text" && { response_format: "json" }) }),
        ...(format === "text" && { present: ({ text }) => `${text ?? ""}\n` }),
        convertUsage: (usage, answer, route) => {
          const perSecond = TOKENS_PER_SECOND[route];
          return usage.milliseconds === undefined
            ? { milliseconds: Math.ceil(((usage.audioInput ?? totalInputTokens(usage)) / perSecond) * 1_000) }
            : {
                audioInput: Math.ceil((usage.milliseconds / 1_000) * perSecond),
                output: typeof answer?.text === "string" ? countTokens(answer.text) : outputTokens,
              };
        },
        // other formats say nothing of usage: the sound then counts by its bytes
        readUsage: ({ json }) => {
          const reading = transcriptionUsage(json);
          return reading.source === "reported"
            ? reading
            : { usage: { milliseconds: seconds * 1_000 }, source: "reported", anomalies: ["duration_by_size"] };
        },
        translate: (target) =>
          hear(target, {
            ...{ file, hint, language: textField(form, "language"), temperature: temperatureOf(form) },
            ...{ isTranslated: id === "openai-translations", maxOutputTokens: outputTokens, audioTokens: inputTokens },
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
