import { countTokens } from "@/lib/gateway/meter/tokens";
import { countOf, modelOf, textOf } from "@/lib/gateway/units/fields";
import { IMAGE_OUTPUT_TOKENS } from "@/lib/gateway/units/images";
import { filesOf, parseMultipart, relayForm, textField } from "@/lib/gateway/units/multipart";
import type { Unit } from "@/lib/gateway/units/unit";
import { imagesUsage } from "@/lib/gateway/usage/media";

const LIMIT_BYTES = 32 * 1024 * 1024;
/** What one image that is sent comes to at most (see the chat dialect's bound). */
const IMAGE_INPUT_TOKENS = 40_000;

/** POST /images/edits, as a form. Relayed only. */
export const imageEdits: Unit = {
  ...{ id: "openai-image-edits", endpoint: "images/edits", modelType: "image", limitBytes: LIMIT_BYTES },
  async parse(body, { headers }) {
    const form = await parseMultipart(body, headers["content-type"]);
    const fields = { model: textField(form, "model"), prompt: textField(form, "prompt") };
    const model = modelOf(fields);
    const prompt = textOf(fields, "prompt", "what shall change");
    const images = filesOf(form, "image");
    const n = countOf({ n: Number(textField(form, "n") ?? 1) }, "n", { least: 1, most: 10 });
    const requested = { size: textField(form, "size"), quality: textField(form, "quality") };
    return {
      model,
      affinity: textField(form, "user") ?? null,
      warnings: [],
      bound: {
        inputTokens: prompt.length * 4 + images.length * IMAGE_INPUT_TOKENS,
        outputTokens: n * IMAGE_OUTPUT_TOKENS,
        images: n,
      },
      countInput: () => countTokens(prompt),
      relayOnly: null,
      relayBody: (upstreamModel) => relayForm(form, upstreamModel),
      readUsage: ({ json }) =>
        imagesUsage(json, {
          ...(requested.size && { size: requested.size }),
          ...(requested.quality && { quality: requested.quality }),
        }),
    };
  },
  canTranslate: () => false,
};
