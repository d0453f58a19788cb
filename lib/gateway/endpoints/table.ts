import { AppError } from "@/lib/errors";
import { blocklet, listAigneModels, readUser, refuseVideo } from "@/lib/gateway/endpoints/aigne";
import { aigneChat, chatCompletions, completions, messages, responses } from "@/lib/gateway/endpoints/conversation";
import { countTokens } from "@/lib/gateway/endpoints/count-tokens";
import { getModel, listModels } from "@/lib/gateway/endpoints/models";
import { getCredits, getGeneration, getKey, getUsage } from "@/lib/gateway/endpoints/own";
import { explainRoute } from "@/lib/gateway/endpoints/route";
import { serveUnit } from "@/lib/gateway/endpoints/unit";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import { aigneImages } from "@/lib/gateway/units/aigne-images";
import { UNITS } from "@/lib/gateway/units/registry";

export type Endpoint = (deps: GatewayDependencies, request: GatewayRequest, reply: Reply) => Promise<void>;

type Route = { method: "GET" | "POST"; path: string; prefix?: true; endpoint: Endpoint };

/** Every endpoint of the data plane; both doors read this table. `prefix` routes take the rest of the path as an id. */
export const ROUTES: readonly Route[] = [
  { method: "POST", path: "/api/v1/chat/completions", endpoint: chatCompletions },
  { method: "POST", path: "/api/v1/responses", endpoint: responses },
  { method: "POST", path: "/api/v1/completions", endpoint: completions },
  ...UNITS.map((unit): Route => ({ method: "POST", path: `/api/v1/${unit.endpoint}`, endpoint: serveUnit(unit) })),
  { method: "POST", path: "/api/v1/messages", endpoint: messages },
  { method: "POST", path: "/api/v1/messages/count_tokens", endpoint: countTokens },
  { method: "POST", path: "/api/v1/route", endpoint: explainRoute },
  { method: "GET", path: "/api/v1/models", endpoint: listModels },
  { method: "GET", path: "/api/v1/models/", prefix: true, endpoint: getModel },
  { method: "GET", path: "/api/v1/generation", endpoint: getGeneration },
  { method: "GET", path: "/api/v1/key", endpoint: getKey },
  { method: "GET", path: "/api/v1/credits", endpoint: getCredits },
  { method: "GET", path: "/api/v1/usage", endpoint: getUsage },
  { method: "POST", path: "/api/v2/chat", endpoint: aigneChat },
  { method: "POST", path: "/api/v2/image", endpoint: serveUnit(aigneImages) },
  { method: "POST", path: "/api/v2/video", endpoint: refuseVideo },
  { method: "GET", path: "/api/ai/models", endpoint: listAigneModels },
  { method: "GET", path: "/api/user/info", endpoint: readUser },
  { method: "GET", path: "/__blocklet__.js", endpoint: blocklet },
];

/** HEAD works where GET does. Throws unknown_url and method_not_allowed. */
export function findEndpoint({ method, path }: GatewayRequest): Endpoint {
  const routes = ROUTES.filter((route) =>
    route.prefix ? path.startsWith(route.path) && path.length > route.path.length : path === route.path,
  );
  const wanted = method === "HEAD" ? "GET" : method;
  const route = routes.find((candidate) => candidate.method === wanted);
  if (route) return route.endpoint;
  if (routes.length === 0) throw new AppError("unknown_url", `Unknown URL: ${method} ${path}.${suggestion(path)}`);
  const allow = routes.map((candidate) => (candidate.method === "GET" ? "GET, HEAD" : candidate.method)).join(", ");
  throw new AppError("method_not_allowed", `${method} is not allowed for ${path}. Use ${allow}.`, {
    headers: { allow: `${allow}, OPTIONS` },
  });
}

/** The usual slip: a base URL pasted twice, or without its /v1. */
function suggestion(path: string): string {
  const known = ROUTES.filter((route) => route.path.startsWith("/api/v1/")).find((route) =>
    path.endsWith(route.path.slice("/api/v1".length).replace(/\/$/, "")),
  );
  return known
    ? ` Did you mean ${known.path}? The base URL is …/api/v1.`
    : " The base URL is …/api/v1; see /api/v1/models for what can be called.";
}
