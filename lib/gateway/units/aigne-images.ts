import { AppError } from "@/lib/errors";
import { inputOf, modelOf, objectOf } from "@/lib/gateway/dialects/aigne/request";
import { aigneUsage } from "@/lib/gateway/dialects/aigne/usage";
import { sniffMediaType } from "@/lib/gateway/dialects/media-type";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { imageEdits, parseImageEdits } from "@/lib/gateway/units/image-edits";
import { imageGenerations, parseImages } from "@/lib/gateway/units/images";
import type { Unit, UnitCall } from "@/lib/gateway/units/unit";

const DEFAULT_MODEL = "openai/gpt-image-1";

const OWN = { endpoint: "image", isImpatient: true };

/** POST /api/v2/image: an image generation in AIGNE's words, whose answers hold the images' bytes; an edit where images come along. */
export const aigneImages: Unit = {
  ...imageGenerations,
  ...OWN,
  parse: (body) => parseAigneImages(parseJsonObject(body), body.length),
};

const aigneEdits: Unit = { ...imageEdits, ...OWN };

function parseAigneImages(body: JsonObject, inputBytes: number): UnitCall {
  const input = inputOf(body);
  const { model: _named, ...options } = objectOf(input.modelOptions);
  const model = modelOf(objectOf(input.modelOptions), DEFAULT_MODEL);
  const given = input.image ?? [];
  const images = (Array.isArray(given) ? given : [given]).map(toAddress);
  const asked = {
    ...{ ...options, model, prompt: input.prompt, response_format: "b64_json" },
    ...(input.n != null && { n: input.n }),
  };
  return {
    ...(images.length > 0
      ? { ...parseImageEdits({ ...asked, images }), unit: aigneEdits }
      : parseImages(asked, inputBytes)),
    present: (answer, { usage, price, requestId, model: name }) => ({
      images: (Array.isArray(answer.data) ? answer.data : []).map((image) => toFile(objectOf(image))),
      usage: aigneUsage(usage, price, requestId),
      model: name,
    }),
  };
}

/** An image that is sent along, as image edits take it. */
function toAddress(image: unknown, index: number): JsonObject {
  const { type, url, data } = objectOf(image);
  if (type === "url" && typeof url === "string") return { image_url: url };
  if (type === "file" && typeof data === "string")
    return { image_url: `data:${sniffMediaType(data, "image/png")};base64,${data}` };
  throw new AppError("unsupported_value", `An image of type "${String(type)}" cannot be sent to a hub.`, {
    param: `input.image[${index}]`,
  });
}

function toFile({ b64_json: data, url }: JsonObject): JsonObject {
  return typeof data === "string"
    ? { type: "file", data, mimeType: sniffMediaType(data, "image/png") }
    : { type: "url", url, mimeType: "image/png" };
}
