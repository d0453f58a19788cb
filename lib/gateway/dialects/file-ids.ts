import { AppError } from "@/lib/errors";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Refuses content that names a file by its id at the provider, in any dialect's spelling: such a file lies in the account that
 *  organisations share here, and whoever learns an id could read it. `list` is the field the items stand in.
 *  Throws unsupported_value naming the item. */
export function refuseFileIds(list: string, items: readonly (JsonObject | null)[]): void {
  for (const [index, item] of items.entries()) refuseFileId(`${list}[${index}]`, [item?.content, item?.output]);
}

/** The same of one part, or several, that stand in the field `param`. */
export function refuseFileId(param: string, part: unknown): void {
  if (!namesFile(part)) return;
  throw new AppError(
    "unsupported_value",
    `"${param}" names a file by its id, but files are not kept here. Send it as a URL or a data URL.`,
    { param },
  );
}

/** A part, parts, or parts that a tool gave back. */
function namesFile(content: unknown): boolean {
  if (Array.isArray(content)) return content.some(namesFile);
  if (typeof content !== "object" || content === null) return false;
  const part = content as JsonObject;
  const holders = [part, part.file, part.image_url, part.source] as (JsonObject | null | undefined)[];
  return holders.some((holder) => holder?.file_id != null) || namesFile(part.content);
}
