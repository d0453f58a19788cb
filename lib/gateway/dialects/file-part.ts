import type { LanguageModelV4FilePart } from "@ai-sdk/provider";
import { AppError } from "@/lib/errors";
import { sniffMediaType } from "@/lib/gateway/dialects/media-type";

/** What the place of a file says of it: `mediaType` is a kind such as `image/*` where its type is not known. */
type Place = { mediaType: string; param: string };

const DATA_URL = /^data:([^;,]*)((?:;[^;,]*)*),/i;
// not the alphabet with - and _: a provider's module takes what begins with "file-" for the id of a file in its account
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A file behind an address or in a data URL. The gateway fetches nothing here: an address is handed on as it is. Throws
 *  invalid_request. */
export function fileFromUrl(url: unknown, place: Place): LanguageModelV4FilePart {
  if (typeof url !== "string") throw refused("must hold a URL or a data URL", place);
  const head = DATA_URL.exec(url);
  if (!head) {
    const address = URL.canParse(url) ? new URL(url) : null;
    if (address?.protocol !== "https:" && address?.protocol !== "http:")
      throw refused("is not an http or https URL, nor a data URL", place);
    return { type: "file", mediaType: place.mediaType, data: { type: "url", url: address } };
  }
  const [whole, type = "", parameters = ""] = head;
  const rest = url.slice(whole.length);
  const data = /;base64$/i.test(parameters.trimEnd()) ? rest : encoded(rest, place);
  return fileFromBase64(data, { ...place, mediaType: type.trim().toLowerCase() || place.mediaType });
}

/** A file in base64, of the type that its bytes say. Throws invalid_request. */
export function fileFromBase64(given: unknown, place: Place): LanguageModelV4FilePart {
  const data = typeof given === "string" ? given.replace(/\s+/g, "") : "";
  if (!BASE64.test(data)) throw refused("holds a file that is not base64", place);
  return { type: "file", mediaType: sniffMediaType(data, place.mediaType), data: { type: "data", data } };
}

function encoded(text: string, place: Place): string {
  try {
    return Buffer.from(decodeURIComponent(text)).toString("base64");
  } catch {
    throw refused("is a data URL that cannot be decoded", place);
  }
}

function refused(what: string, { param }: Place): AppError {
  return new AppError("invalid_request", `"${param}" ${what}.`, { param });
}
