import { expect, it } from "vitest";
import type { GatewayDependencies } from "@/lib/gateway/gateway";
import { resolveModel } from "@/lib/gateway/resolve-model";
import type { Caller } from "@/lib/keys/authenticate";

it("finds a model made a moment ago for everybody who asks while the configuration is read again", async () => {
  const model = { id: "new/model" };
  let models = new Map<string, typeof model>();
  const snapshots = {
    current: () => ({ models, aliases: new Map(), byLowerCaseName: new Map() }),
    refresh: async () => {
      await new Promise(setImmediate);
      models = new Map([[model.id, model]]);
    },
  };
  const deps = { snapshots, clock: { now: () => 0, monotonic: () => 0 } } as unknown as GatewayDependencies;
  const caller = { mayUseModel: () => true } as unknown as Caller;

  const asked = ["new/model", "new/model", "other"].map((name) => resolveModel(deps, caller, name));
  await expect(asked[0]).resolves.toBe(model);
  await expect(asked[1]).resolves.toBe(model);
  await expect(asked[2]).rejects.toMatchObject({ code: "model_not_found" });
});
