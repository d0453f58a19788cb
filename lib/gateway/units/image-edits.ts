import { AppError } from "@/lib/errors";
import { refuseFileId } from "@/lib/gateway/dialects/file-ids";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { countOf, optionalText, refuseStream, routingOf, textOf } from "@/lib/gateway/units/fields";
import { IMAGE_OUTPUT_TOKENS, relayedImages } from "@/lib/gateway/units/images";
import { filesOf, parseMultipart, relayForm, routingFields, textField } from "@/lib/gateway/units/multipart";
import type { RelayBody, Unit, UnitCall } from "@/lib/gateway/units/unit";

const LIMIT_BYTES = 32 * 1024 * 1024;
/** What one image that is sent comes to at most (see the chat dialect's bound). */
const IMAGE_INPUT_TOKENS = 40_000;

/** POST /images/edits, as a form or as JSON with the images' addresses. Relayed only. */
export const imageEdits: Unit = {
  ...{ id: "openai-image-edits", endpoint: "images/edits", modelType: "image", limitBytes: LIMIT_BYTES },
  parse: (body, { headers }) =>
    /^multipart\//i.test(headers["content-type"] ?? "")
      ? parseForm(body, headers["content-type"])
      : parseImageEdits(parseJsonObject(body)),
  canTranslate: () => false,
};

async function parseForm(body: Buffer, contentType: string | undefined): Promise<UnitCall> {
  const form = await parseMultipart(body, contentType);
  const names = ["prompt", "size", "quality"];
  const fields = Object.fromEntries(names.map((name) => [name, textField(form, name)]));
  const n = { n: Number(textField(form, "n") ?? 1) };
  const images = filesOf(form, "image").length + (form.has("mask") ? 1 : 0);
  return editOf({ ...routingFields(form), ...fields, ...n }, images, (model) => relayForm(form, { model }));
}

/** A JSON body of that endpoint. Throws as every parser of units does. */
export function parseImageEdits(body: JsonObject): UnitCall {
  refuseStream(body);
  delete body.partial_images;
  const images = Array.isArray(body.images) ? body.images : [];
  if (images.length === 0)
    throw new AppError("invalid_request", '"images" is missing: give a list with an "image_url" for each.', {
      param: "images",
    });
  for (const [index, image] of images.entries()) refuseFileId(`images[${index}]`, image);
  refuseFileId("mask", body.mask);
  return editOf(body, images.length + (body.mask == null ? 0 : 1), (upstreamModel) => {
    const sent: JsonObject = { ...body, model: upstreamModel };
    // these models always answer with bytes and refuse to be asked
    if (upstreamModel.includes("gpt-image")) delete sent.response_format;
    return { body: JSON.stringify(sent), contentType: "application/json" };
  });
}

function editOf(
  fields: JsonObject,
  images: number,
  relayBody: (upstreamModel: string) => RelayBody | Promise<RelayBody>,
): UnitCall {
  const routing = routingOf(fields);
  const prompt = textOf(fields, "prompt", "what shall change");
  const n = countOf(fields, "n", { least: 1, most: 10 });
  const size = optionalText(fields, "size");
  const quality = optionalText(fields, "quality");
  return {
    ...routing,
    needs: ["input:image"],
    warnings: [],
    bound: {
      inputTokens: prompt.length * 4 + images * IMAGE_INPUT_TOKENS,
      outputTokens: n * IMAGE_OUTPUT_TOKENS,
      images: n,
    },
    countInput: () => countTokens(prompt),
    mediaTokens: images * IMAGE_INPUT_TOKENS,
    relayOnly: null,
    relayBody,
    readUsage: ({ json }) => relayedImages(json, n, { ...(size && { size }), ...(quality && { quality }) }),
  };
}
