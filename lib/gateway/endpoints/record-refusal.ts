import { asAppError } from "@/lib/errors";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import type { Caller } from "@/lib/keys/authenticate";

/** Longer than any model id we would have answered for. */
const MAX_MODEL_LENGTH = 200;

/** Notes a call of a known key that was refused before it was admitted. It costs nothing and is shown in request lists. */
export function recordRefusal(
  deps: GatewayDependencies,
  refused: {
    request: GatewayRequest;
    caller: Caller;
    facts: { endpoint: string; dialect: string; model: string; stream: boolean };
    error: unknown;
  },
): void {
  const { request, caller, facts } = refused;
  const error = asAppError(refused.error);
  deps.refusals.add({
    ...facts,
    id: request.id,
    org: caller.scope.orgId,
    app: caller.appId,
    key: caller.keyId,
    member: caller.memberId,
    model: facts.model.slice(0, MAX_MODEL_LENGTH),
    http_status: error.status,
    rule: error.code,
  });
}
