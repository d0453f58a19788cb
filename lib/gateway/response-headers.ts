import type { GatewayRequest } from "@/lib/gateway/exchange";

const EXPOSED = [
  "x-request-id",
  "request-id",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  ...["limit", "remaining", "reset"].flatMap((what) => [`x-ratelimit-${what}-requests`, `x-ratelimit-${what}-tokens`]),
  "x-aigne-provider",
  "x-aigne-model",
  "x-aigne-attempts",
  "x-aigne-warnings",
  "x-aigne-replayed",
  "x-aigne-estimated",
].join(", ");

/** On every answer, errors included. */
export function responseHeaders(request: GatewayRequest): Record<string, string> {
  const clientId = request.headers["x-client-request-id"];
  return {
    "x-request-id": request.id,
    "request-id": request.id,
    "access-control-allow-origin": "*",
    "access-control-expose-headers": EXPOSED,
    ...(clientId && clientId.length <= 200 && { "x-client-request-id": clientId }),
  };
}
