import type { LanguageModelV4FilePart, LanguageModelV4Message, LanguageModelV4Prompt } from "@ai-sdk/provider";
import { AppError } from "@/lib/errors";
import { sniffMediaType } from "@/lib/gateway/dialects/media-type";

const MAX_BYTES = 20 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const MAX_FILES = 20;
/** Of all files of a call together: they are kept in memory until it is sent. */
const MAX_CALL_BYTES = 64 * 1024 * 1024;

/** Which addresses a provider fetches itself, by media type, as its AI SDK model states it. */
export type SupportedUrls = Readonly<Record<string, readonly RegExp[]>>;

/** The prompt with every file that the provider would not fetch itself put into it. `fetch` is the one of lib/egress.ts for
 *  addresses that tenants choose. Throws invalid_request for files that cannot be had. */
export async function inlineRemoteFiles(
  prompt: LanguageModelV4Prompt,
  supported: SupportedUrls,
  fetch: typeof globalThis.fetch,
): Promise<LanguageModelV4Prompt> {
  let files = 0;
  let left = MAX_CALL_BYTES;
  const take = (bytes: number) => {
    left -= bytes;
    if (left < 0) throw refused("The files behind URLs are larger than 64 MiB together.");
  };
  const inline = async <Part extends FilePart>(part: Part): Promise<Part> => {
    if (part.data.type !== "url" || isSupported(part.mediaType, part.data.url.href, supported)) return part;
    if (++files > MAX_FILES) throw refused(`More than ${MAX_FILES} files to fetch.`);
    const { data, mediaType } = await download(part.data.url, fetch, take);
    if (part.mediaType.startsWith("image/") && mediaType !== null && !/^image\/|octet-stream/.test(mediaType))
      throw refused("A URL of an image leads to something else.");
    return { ...part, mediaType: mediaType ?? part.mediaType, data: { type: "data", data } };
  };
  return Promise.all(
    prompt.map(async (message): Promise<LanguageModelV4Message> => {
      const parts = <Part extends { type: string }>(content: readonly (Part | LanguageModelV4FilePart)[]) =>
        // safe because only files have that type
        Promise.all(content.map((part) => (part.type === "file" ? inline(part as LanguageModelV4FilePart) : part)));
      if (message.role === "user") return { ...message, content: await parts(message.content) };
      if (message.role === "assistant") return { ...message, content: await parts(message.content) };
      if (message.role === "tool")
        return { ...message, content: await Promise.all(message.content.map((part) => inlineResult(part, inline))) };
      return message;
    }),
  );
}

type FilePart = Pick<LanguageModelV4FilePart, "mediaType" | "data">;
type ToolPart = Extract<LanguageModelV4Message, { role: "tool" }>["content"][number];

/** Tools may answer with pictures. */
async function inlineResult(part: ToolPart, inline: <Part extends FilePart>(part: Part) => Promise<Part>) {
  if (part.type !== "tool-result" || part.output.type !== "content") return part;
  const value = await Promise.all(part.output.value.map((item) => (item.type === "file" ? inline(item) : item)));
  return { ...part, output: { ...part.output, value } };
}

function isSupported(mediaType: string, url: string, supported: SupportedUrls): boolean {
  return Object.entries(supported).some(
    ([pattern, urls]) => matches(mediaType, pattern) && urls.some((allowed) => allowed.test(url)),
  );
}

function matches(mediaType: string, pattern: string): boolean {
  return pattern === "*" || pattern === "*/*" || pattern === mediaType || pattern === mediaType.replace(/\/.*$/, "/*");
}

/** Nothing of the answer or the failure is shown: it would tell a tenant what stands behind an address. */
async function download(
  url: URL,
  fetch: typeof globalThis.fetch,
  take: (bytes: number) => void,
): Promise<{ data: string; mediaType: string | null }> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BYTES) throw refused("A file behind a URL is larger than 20 MiB.");
      take(chunk.byteLength);
      parts.push(chunk);
    }
    const data = Buffer.concat(parts).toString("base64");
    const declared = response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
    return { data, mediaType: sniffMediaType(data, declared) || null };
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw refused("A file behind a URL could not be fetched. Send it as a data URL.");
  }
}

function refused(message: string): AppError {
  return new AppError("invalid_request", message, { param: "messages" });
}
