import type { LanguageModelV4FilePart } from "@ai-sdk/provider";
import { fileFromBase64, fileFromUrl } from "@/lib/gateway/dialects/file-part";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Names of audio formats whose type is not `audio/` and the name. */
const AUDIO_TYPES: Record<string, string> = { mp3: "audio/mpeg", m4a: "audio/mp4" };

/** An image, video, file or audio part of a user message; null for parts of another kind. Throws invalid_request and
 *  unsupported_value. */
export function filePart(part: JsonObject): LanguageModelV4FilePart | null {
  switch (part.type) {
    case "image_url":
      return fileFromUrl(urlOf(part.image_url), { mediaType: "image/*", param: "image_url" });
    case "video_url":
      return fileFromUrl(urlOf(part.video_url), { mediaType: "video/mp4", param: "video_url" });
    case "file":
      return documentPart(part.file);
    case "input_audio": {
      const { data, format } = (part.input_audio ?? {}) as { data?: unknown; format?: unknown };
      const mediaType = AUDIO_TYPES[String(format)] ?? `audio/${String(format ?? "wav")}`;
      return fileFromBase64(data, { mediaType, param: "input_audio" });
    }
    default:
      return null;
  }
}

function documentPart(file: unknown): LanguageModelV4FilePart {
  const { file_data: data, filename } = (file ?? {}) as Record<string, unknown>;
  const place = { mediaType: "application/pdf", param: "file" };
  const isBare = typeof data === "string" && !URL.canParse(data);
  const part = isBare ? fileFromBase64(data, place) : fileFromUrl(data, place);
  return { ...part, ...(typeof filename === "string" && { filename }) };
}

/** Some clients write the address where an object with it belongs. */
function urlOf(given: unknown): unknown {
  return typeof given === "object" && given !== null ? (given as { url?: unknown }).url : given;
}
