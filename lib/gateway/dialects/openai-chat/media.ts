import type { LanguageModelV4FilePart } from "@ai-sdk/provider";
import { AppError } from "@/lib/errors";
import { sniffMediaType } from "@/lib/gateway/dialects/media-type";
import type { JsonObject } from "@/lib/gateway/json-body";

/** An image, file or audio part of a user message; null for parts of another kind. The gateway fetches nothing: a URL is
 *  handed on as it is. */
export function filePart(part: JsonObject): LanguageModelV4FilePart | null {
  if (part.type === "image_url") {
    const image = part.image_url as { url?: unknown } | string | undefined;
    return fromUrl(typeof image === "string" ? image : image?.url, "image/*", "image_url");
  }
  if (part.type === "file") {
    const { file_data: data, filename } = (part.file ?? {}) as { file_data?: unknown; filename?: unknown };
    return { ...fromUrl(data, "application/pdf", "file"), ...(typeof filename === "string" && { filename }) };
  }
  if (part.type === "input_audio") {
    const { data, format } = (part.input_audio ?? {}) as { data?: unknown; format?: unknown };
    return {
      type: "file",
      mediaType: format === "mp3" ? "audio/mpeg" : "audio/wav",
      data: { type: "data", data: String(data ?? "") },
    };
  }
  return null;
}

function fromUrl(url: unknown, mediaType: string, param: string): LanguageModelV4FilePart {
  if (typeof url !== "string")
    throw new AppError("invalid_request", `"${param}" must hold a URL or a data URL.`, { param });
  const data = /^data:([^;,]+)?(?:;[^,]*)?,/i.exec(url);
  if (data) {
    const content = url.slice(data[0].length);
    const type = sniffMediaType(content, data[1]?.toLowerCase() ?? mediaType);
    return { type: "file", mediaType: type, data: { type: "data", data: content } };
  }
  if (!URL.canParse(url)) throw new AppError("invalid_request", `"${param}" is not a valid URL.`, { param });
  return { type: "file", mediaType, data: { type: "url", url: new URL(url) } };
}
