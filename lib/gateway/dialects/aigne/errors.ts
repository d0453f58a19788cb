import { type AppError, openAIErrorBody } from "@/lib/errors";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import type { JsonObject } from "@/lib/gateway/json-body";

const PATHS = /^\/(?:api\/v2(?:\/|$)|api\/ai\/|api\/user\/|__blocklet__\.js$)/;

/** Whether a path belongs to the AIGNE client. */
export function isAignePath(path: string): boolean {
  return PATHS.test(path);
}

/** A refusal as the AIGNE client reads it: `error.type` is what it acts on, and `link` where to get credit. */
export function aigneError(request: Pick<GatewayRequest, "headers">, failure: AppError): JsonObject {
  const { error } = openAIErrorBody(failure);
  if (failure.code === "insufficient_quota")
    return { error: { ...error, type: "NOT_ENOUGH", link: `${originOf(request)}/sign-in` } };
  return { error: failure.code === "model_not_found" ? { ...error, type: failure.code } : error };
}

/** The hub's own address as this client reached it: only its caller is told, so it need not be proven. */
export function originOf({ headers }: Pick<GatewayRequest, "headers">): string {
  const host = headers.host ?? "localhost";
  const isLocal = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/.test(host);
  const protocol = headers["x-forwarded-proto"]?.split(",")[0]?.trim() || (isLocal ? "http" : "https");
  return `${protocol}://${host}`;
}
