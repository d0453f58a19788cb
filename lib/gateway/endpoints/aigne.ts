import { AppError } from "@/lib/errors";
import { originOf } from "@/lib/gateway/dialects/aigne/errors";
import { perToken } from "@/lib/gateway/endpoints/models";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import type { GatewayRequest, Reply } from "@/lib/gateway/exchange";
import { responseHeaders } from "@/lib/gateway/response-headers";
import type { SnapshotModel } from "@/lib/gateway/snapshot";
import { formatUsd } from "@/lib/money";

/** How the AIGNE client finds its component among an origin's. */
const COMPONENT_DID = "z8ia3xzq2tMq8CRHfaXj1BTYJyYnEcHbqP8cJ";

/** GET /__blocklet__.js?type=json: where the client's routes begin. Public. */
export const blocklet: Endpoint = async (_deps, request, reply) => {
  sendJson(request, reply, { componentMountPoints: [{ did: COMPONENT_DID, mountPoint: "/" }] });
};

/** GET /api/ai/models?type=: every model of one type with its list price. Public, as the client sends no key here. */
export const listAigneModels: Endpoint = async ({ snapshots }, request, reply) => {
  const asked = request.query.get("type");
  const type = asked === "image_generation" ? "image" : asked;
  const served = [...snapshots.current().models.values()].filter(
    (model) => (model.type === "chat" || model.type === "image") && (type === null || model.type === type),
  );
  sendJson(request, reply, served.map(renderModel));
};

/** GET /api/user/info: whom the key stands for and what is left. Without a floor (enterprise) nothing limits calls. */
export const readUser: Endpoint = async ({ keyring, reports }, request, reply) => {
  const { scope, keyId, memberId } = await keyring.authenticate(request);
  const [key, credits] = await Promise.all([
    reports.readKey({ orgId: scope.orgId, keyId }),
    reports.readCredits(scope.orgId),
  ]);
  if (!key || !credits) throw new AppError("invalid_api_key", "This API key was removed.");
  const { postedNano, heldNano, floorNano, usedNano } = credits;
  const origin = originOf(request);
  sendJson(request, reply, {
    user: { did: memberId ?? scope.orgId, fullName: key.label, email: "", avatar: "" },
    enableCredit: floorNano !== null,
    creditBalance:
      floorNano === null
        ? null
        : {
            balance: formatUsd(postedNano - heldNano - floorNano),
            total: formatUsd(postedNano + usedNano),
            grantCount: "0",
            pendingCredit: formatUsd(heldNano),
          },
    paymentLink: floorNano === null ? null : `${origin}/sign-in`,
    profileLink: `${origin}/sign-in`,
    currency: "USD",
    creditPrefix: "$",
  });
};

/** POST /api/v2/video: no model type of this hub makes videos. Throws model_not_found. */
export const refuseVideo: Endpoint = async ({ keyring }, request) => {
  await keyring.authenticate(request);
  throw new AppError("model_not_found", "This hub serves no video models.");
};

/** The client rejects the whole list for one entry of another shape. */
function renderModel({ id, type, displayName, price, offers }: SnapshotModel) {
  const provider = id.includes("/") ? id.slice(0, id.indexOf("/")) : (offers[0]?.provider.slug ?? "aigne-hub");
  return {
    model: id.includes("/") ? id.slice(id.indexOf("/") + 1) : id,
    type,
    provider,
    providerDisplayName: provider,
    input_credits_per_token: price ? perToken(price.rates.input, price.factorBp) : "0",
    output_credits_per_token: price ? perToken(price.rates.output, price.factorBp) : "0",
    modelMetadata: displayName === null ? null : { displayName },
    status: { available: price !== null && offers.length > 0 },
  };
}

function sendJson(request: GatewayRequest, reply: Reply, body: unknown): void {
  reply.send(200, { ...responseHeaders(request), "content-type": "application/json" }, JSON.stringify(body));
}
