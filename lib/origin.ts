const HOST = /^(?:[a-z\d.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

type RequestHeaders = Pick<Headers, "get">;

/** Scheme and host under which a browser reaches the hub: the configured address, else the one the gateway received
 *  and forwarded. A host that is not one falls back to localhost instead of being echoed. */
export function publicOrigin(headers: RequestHeaders, publicUrl?: string): string {
  if (publicUrl) return publicUrl.replace(/\/+$/, "");
  const host = first(headers.get("x-forwarded-host")) ?? headers.get("host") ?? "";
  const scheme = first(headers.get("x-forwarded-proto")) === "https" ? "https" : "http";
  return `${scheme}://${HOST.test(host) ? host.toLowerCase() : "localhost"}`;
}

function first(list: string | null): string | undefined {
  return list?.split(",")[0]?.trim() || undefined;
}
