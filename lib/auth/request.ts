import { headers } from "next/headers";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";
import { newId } from "@/lib/ids";
import type { RequestOrigin } from "@/lib/orgs/scope";
import { publicOrigin } from "@/lib/origin";

/** Who asks: the gateway in front strips what clients say about themselves and sets its own. */
export async function requestOrigin(): Promise<RequestOrigin> {
  const incoming = await headers();
  return { id: newId("req"), ip: incoming.get("x-forwarded-for")?.split(",")[0]?.trim() || null };
}

/** A change must come from a page of ours. Next lets an absent Origin pass, so it is refused here, as is `null`.
 *  Throws forbidden. */
export async function requireOwnOrigin(): Promise<void> {
  const incoming = await headers();
  if (incoming.get("origin") === publicOrigin(incoming, env().publicUrl)) return;
  throw new AppError("forbidden", "This request did not come from a page of this hub. Reload the page and try again.");
}
