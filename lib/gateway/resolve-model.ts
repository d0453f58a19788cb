import { AppError } from "@/lib/errors";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import { findModel, type SnapshotModel } from "@/lib/gateway/snapshot";
import type { Caller } from "@/lib/keys/authenticate";

/** A name that was looked up in vain is not looked up again for so long. */
const MISS_MEMORY_MS = 1_000;
const MAX_MISSES = 1_000;
const missesOf = new WeakMap<object, Map<string, number>>();

/** The model a client names, if its key may use it. A model made a moment ago works at once: before a 404 the
 *  configuration is read again. Throws model_not_found and model_not_allowed. */
export async function resolveModel(deps: GatewayDependencies, caller: Caller, name: string): Promise<SnapshotModel> {
  const model = await lookUpModel(deps, name);
  if (!model)
    throw new AppError(
      "model_not_found",
      `The model "${name.slice(0, 200)}" does not exist here. GET /api/v1/models lists what does.`,
      { param: "model" },
    );
  if (!caller.mayUseModel(model))
    throw new AppError("model_not_allowed", `This API key, or its organisation, may not use the model "${model.id}".`, {
      param: "model",
    });
  return model;
}

/** The model of this name in the configuration of this moment; null where there is none. */
export async function lookUpModel(deps: GatewayDependencies, name: string): Promise<SnapshotModel | null> {
  return findModel(deps.snapshots.current(), name) ?? findAfterRefresh(deps, name);
}

/** Concurrent misses share one reading of the configuration. */
async function findAfterRefresh(
  { snapshots, clock }: GatewayDependencies,
  name: string,
): Promise<SnapshotModel | null> {
  const misses = missesOf.get(snapshots) ?? new Map<string, number>();
  missesOf.set(snapshots, misses);
  const missedAt = misses.get(name);
  if (missedAt !== undefined && clock.monotonic() - missedAt < MISS_MEMORY_MS) return null;
  await snapshots.refresh();
  const model = findModel(snapshots.current(), name);
  if (model) misses.delete(name);
  else {
    if (misses.size >= MAX_MISSES) misses.clear();
    misses.set(name, clock.monotonic());
  }
  return model;
}
