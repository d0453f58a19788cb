import { AppError } from "@/lib/errors";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import { findModel, type SnapshotModel } from "@/lib/gateway/snapshot";
import type { Caller } from "@/lib/keys/authenticate";

/** A miss asks the database at most once in this time. */
const MISS_REFRESH_MS = 1_000;
const lastRefresh = new WeakMap<object, number>();

/** The model a client names, if its key may use it. A model made a moment ago works at once: before a 404 the
 *  configuration is read again, at most once a second. Throws model_not_found and model_not_allowed. */
export async function resolveModel(deps: GatewayDependencies, caller: Caller, name: string): Promise<SnapshotModel> {
  const model = findModel(deps.snapshots.current(), name) ?? (await findAfterRefresh(deps, name));
  if (!model)
    throw new AppError(
      "model_not_found",
      `The model "${name.slice(0, 200)}" does not exist here. GET /api/v1/models lists what does.`,
      { param: "model" },
    );
  if (!caller.mayUseModel(model.id))
    throw new AppError("model_not_allowed", `This API key may not use the model "${model.id}".`, { param: "model" });
  return model;
}

async function findAfterRefresh(deps: GatewayDependencies, name: string): Promise<SnapshotModel | null> {
  const now = deps.clock.monotonic();
  if (now - (lastRefresh.get(deps.snapshots) ?? Number.NEGATIVE_INFINITY) < MISS_REFRESH_MS) return null;
  lastRefresh.set(deps.snapshots, now);
  await deps.snapshots.refresh();
  return findModel(deps.snapshots.current(), name);
}
