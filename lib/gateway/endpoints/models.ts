import type { Endpoint } from "@/lib/gateway/endpoints/table";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import { resolveModel } from "@/lib/gateway/resolve-model";
import { responseHeaders } from "@/lib/gateway/response-headers";
import { priceFor, type SnapshotModel } from "@/lib/gateway/snapshot";
import type { Caller } from "@/lib/keys/authenticate";
import { formatUsd } from "@/lib/money";

/** GET /models: what this key may use, in one page. */
export const listModels: Endpoint = async (deps, request, reply) => {
  const caller = await deps.keyring.authenticate(request);
  const models = [...deps.snapshots.current().models.values()].filter((model) => caller.mayUseModel(model));
  if (isAnthropicClient(request)) {
    const data = models.map(renderAnthropicModel);
    sendJson(request, reply, {
      data,
      has_more: false,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
    });
    return;
  }
  sendJson(request, reply, { object: "list", data: models.map((model) => renderModel(model, caller)) });
};

/** GET /models/{id}: the id may hold `/` and `:`, encoded or not. */
export const getModel: Endpoint = async (deps, request, reply) => {
  const caller = await deps.keyring.authenticate(request);
  const model = await resolveModel(deps, caller, request.path.slice("/api/v1/models/".length));
  sendJson(request, reply, isAnthropicClient(request) ? renderAnthropicModel(model) : renderModel(model, caller));
};

/** The same path serves both kinds of client; Anthropic's always name their version. */
function isAnthropicClient({ headers }: GatewayRequest): boolean {
  return headers["anthropic-version"] !== undefined;
}

function renderAnthropicModel({ id, displayName, createdAt }: SnapshotModel) {
  return { type: "model", id, display_name: displayName ?? id, created_at: createdAt.toISOString() };
}

function sendJson(request: GatewayRequest, reply: Reply, body: unknown): void {
  reply.send(200, { ...responseHeaders(request), "content-type": "application/json" }, JSON.stringify(body));
}

function renderModel(model: SnapshotModel, caller: Caller) {
  const price = priceFor(model, caller.scope.orgId);
  return {
    id: model.id,
    object: "model",
    created: Math.floor(model.createdAt.getTime() / 1000),
    owned_by: model.id.includes("/") ? model.id.slice(0, model.id.indexOf("/")) : "aigne-hub",
    name: model.displayName ?? model.id,
    context_length: model.contextWindow,
    architecture: { input_modalities: ["text"], output_modalities: ["text"] },
    pricing: price && {
      prompt: perToken(price.rates.input, price.factorBp),
      completion: perToken(price.rates.output, price.factorBp),
      input_cache_read: perToken(price.rates.cacheRead ?? price.rates.input, price.factorBp),
      input_cache_write: perToken(price.rates.cacheWrite ?? price.rates.input, price.factorBp),
    },
    top_provider: { max_completion_tokens: model.maxOutputTokens },
    supported_parameters: [
      "max_tokens",
      "max_completion_tokens",
      "temperature",
      "top_p",
      "stop",
      "stream",
      "tools",
      "tool_choice",
      "response_format",
    ],
  };
}

/** USD per token as a plain decimal: nano per million tokens has six more digits than nano-USD. */
export function perToken(rate: bigint | undefined, factorBp: number): string {
  const scaled = ((rate ?? 0n) * BigInt(factorBp)) / 10_000n;
  const [whole, fraction = ""] = formatUsd(scaled).split(".");
  const digits = `${whole}`.padStart(7, "0");
  const shifted = `${digits.slice(0, -6)}.${digits.slice(-6)}${fraction}`.replace(/0+$/, "").replace(/\.$/, "");
  return shifted;
}
