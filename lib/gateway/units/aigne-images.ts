import { AppError } from "@/lib/errors";
import { inputOf, modelOf, objectOf } from "@/lib/gateway/dialects/aigne/request";
import { aigneUsage } from "@/lib/gateway/dialects/aigne/usage";
import { sniffMediaType } from "@/lib/gateway/dialects/media-type";
import { type JsonObject, parseJsonObject } from "@/lib/gateway/json-body";
import { imageGenerations, parseImages } from "@/lib/gateway/units/images";
import type { Unit, UnitCall } from "@/lib/gateway/units/unit";

const DEFAULT_MODEL = "openai/gpt-image-1";

/** POST /api/v2/image: an image generation in AIGNE's words, whose answers hold the images' bytes. */
export const aigneImages: Unit = {
  ...imageGenerations,
  endpoint: "image",
  isImpatient: true,
  parse: (body) => parseAigneImages(parseJsonObject(body), body.length),
};

function parseAigneImages(body: JsonObject, inputBytes: number): UnitCall {
  const input = inputOf(body);
  const { model: _named, ...options } = objectOf(input.modelOptions);
  const given = input.image;
  if (given != null && (!Array.isArray(given) || given.length > 0))
    throw new AppError("unsupported_parameter", '"input.image" is not supported: images are only made from words.', {
      param: "input.image",
    });
  const model = modelOf(objectOf(input.modelOptions), DEFAULT_MODEL);
  const call = parseImages(
    { ...options, model, prompt: input.prompt, ...(input.n != null && { n: input.n }), response_format: "b64_json" },
    inputBytes,
  );
  return {
    ...call,
    present: (answer, { usage, price, requestId, model: name }) => ({
      images: (Array.isArray(answer.data) ? answer.data : []).map((image) => toFile(objectOf(image))),
      usage: aigneUsage(usage, price, requestId),
      model: name,
    }),
  };
}

function toFile({ b64_json: data, url }: JsonObject): JsonObject {
  return typeof data === "string"
    ? { type: "file", data, mimeType: sniffMediaType(data, "image/png") }
    : { type: "url", url, mimeType: "image/png" };
}
