import { AppError } from "@/lib/errors";
import { routingOf } from "@/lib/gateway/units/fields";
import { filesOf, parseMultipart, relayForm, routingFields, textField } from "@/lib/gateway/units/multipart";
import type { Unit, UnitDialectId } from "@/lib/gateway/units/unit";
import { transcriptionUsage } from "@/lib/gateway/usage/media";

const LIMIT_BYTES = 32 * 1024 * 1024;
/** No codec that is taken stores speech in less: a bound of the seconds in a file. */
const LEAST_BYTES_PER_SECOND = 750;
/** Of sound, and of the text that it comes to. */
const INPUT_TOKENS_PER_SECOND = 20;
const OUTPUT_TOKENS_PER_SECOND = 10;

/** POST /audio/transcriptions. Relayed only; `text`, `srt` and `vtt` come back as plain text. */
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
      return {
        ...routing,
        warnings: [],
        bound: {
          inputTokens: seconds * INPUT_TOKENS_PER_SECOND,
          outputTokens: seconds * OUTPUT_TOKENS_PER_SECOND,
          milliseconds: seconds * 1_000,
        },
        countInput: () => seconds * INPUT_TOKENS_PER_SECOND,
        relayOnly: null,
        relayBody: (upstreamModel) => relayForm(form, upstreamModel),
        // text forms say nothing of usage: the sound then counts by its bytes
        readUsage: ({ json }) => {
          const reading = transcriptionUsage(json);
          return reading.source === "reported"
            ? reading
            : { usage: { milliseconds: seconds * 1_000 }, source: "reported", anomalies: ["duration_by_size"] };
        },
      };
    },
    canTranslate: () => false,
  };
}
