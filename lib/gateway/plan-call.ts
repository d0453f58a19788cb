import { AppError } from "@/lib/errors";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import { lookUpModel, resolveModel } from "@/lib/gateway/resolve-model";
import type { RouteOptions } from "@/lib/gateway/routing/candidates";
import { type Chain, chainOf } from "@/lib/gateway/routing/chain";
import type { RouteHints } from "@/lib/gateway/routing/hints";
import { type HostedNeed, narrowToHosts } from "@/lib/gateway/routing/hosts";
import type { Caller } from "@/lib/keys/authenticate";

/** What of a call decides where it may go, be it a conversation or answered in one piece. */
export type Routable = Pick<RouteOptions, "needs" | "unservable" | "fits"> & {
  /** The model or alias as its client writes it. */
  model: string;
  /** The kind of model that can serve it. */
  modelType: string;
  hints: RouteHints | null;
  /** What keeps a caller on one credential; null: chance decides. */
  affinity: string | null;
  /** What it would have its provider run. */
  hosted?: HostedNeed;
};

/** Every model that may answer, with its route; nothing is held or called. Throws model_not_found, model_not_allowed, and
 *  unsupported_value for a model of another kind. */
export async function planCall(
  deps: GatewayDependencies,
  caller: Caller,
  { model: name, modelType, affinity, hosted, ...options }: Routable,
): Promise<Chain> {
  const model = await resolveModel(deps, caller, name);
  if (model.type !== modelType)
    throw new AppError("unsupported_value", `The model "${model.id}" is of type ${model.type}, not ${modelType}.`, {
      param: "model",
    });
  // one made a moment ago works at once here too
  for (const other of options.hints?.models ?? []) await lookUpModel(deps, other);
  const { random, health } = deps;
  const chain = chainOf(
    { snapshot: deps.snapshots.current(), caller, random, health },
    // of one organisation, so that two that count their users alike do not meet
    { ...options, name, model, affinity: affinity === null ? null : `${caller.scope.orgId}\n${affinity}` },
  );
  return hosted ? narrowToHosts(chain, hosted, caller.scope.orgId) : chain;
}
