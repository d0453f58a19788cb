import { AppError } from "@/lib/errors";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Refuses content that names a file by its id at the provider, or by its address there, in any dialect's spelling: such a file
 *  lies in the account that organisations share here, and whoever learned an id could read it. `list` is the field the items
 *  stand in. Throws unsupported_value naming the item. */
export function refuseFileIds(list: string, items: readonly (JsonObject | null)[]): void {
  for (const [index, item] of items.entries())
    refuseFileId(`${list}[${index}]`, [item?.content, item?.output, item?.images]);
}

/** The same of one part, or several, that stand in the field `param`. */
export function refuseFileId(param: string, part: unknown): void {
  if (!namesFile(part)) return;
  throw new AppError(
    "unsupported_value",
    `"${param}" names a file kept at a provider, but files are not kept here. Send it as a data URL, or as a URL that is public.`,
    { param },
  );
}

/** A part, parts, or parts that a tool gave back or a document consists of. */
function namesFile(content: unknown): boolean {
  if (Array.isArray(content)) return content.some(namesFile);
  if (typeof content !== "object" || content === null) return false;
  const part = content as JsonObject;
  const holders = [part, part.file, part.image_url, part.video_url, part.source] as (JsonObject | null | undefined)[];
  return holders.some(
    (holder) =>
      holder?.file_id != null ||
      ADDRESS_FIELDS.some((field) => isStored(holder?.[field])) ||
      (holder?.content != null && namesFile(holder.content)),
  );
}

const ADDRESS_FIELDS = ["url", "file_url", "file_data", "image_url", "video_url"];

/** Gemini takes its own files by their address and opens them with the hub's key, also behind a base URL of the operator's. */
function isStored(address: unknown): boolean {
  if (typeof address !== "string" || !/^\s*https?:/i.test(address) || !URL.canParse(address)) return false;
  const { hostname, pathname } = new URL(address);
  return /^generativelanguage\.googleapis\.com\.?$/.test(hostname) || pathname.includes("/v1beta/files/");
}
