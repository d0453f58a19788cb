import type { Admitted, Entrant } from "@/lib/gateway/admit";
import { recordRefusal } from "@/lib/gateway/endpoints/record-refusal";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import { resolveModel } from "@/lib/gateway/resolve-model";
import { routeOf } from "@/lib/gateway/routing/candidates";
import { choiceRows } from "@/lib/gateway/routing/route-rows";
import { admitUnit, capable, runUnit } from "@/lib/gateway/units/run-unit";
import type { Unit, UnitCall } from "@/lib/gateway/units/unit";

/** The endpoint that answers calls of one kind in one piece. */
export function serveUnit(unit: Unit): Endpoint {
  return async (deps, request, reply) => {
    const caller = await deps.keyring.authenticate(request);
    const facts = { endpoint: unit.endpoint, dialect: unit.id, model: "", stream: false };
    let call: Entrant & { unit: Unit; asked: UnitCall };
    let admitted: Admitted;
    try {
      const asked = await unit.parse(await request.readBody(unit.limitBytes), request);
      facts.model = asked.model;
      const model = await resolveModel(deps, caller, asked.model);
      const { random, health } = deps;
      const route = routeOf(model, { affinity: asked.affinity, random, health });
      const plan = capable(route.plan, unit, asked);
      const routing = () => choiceRows({ links: [{ model, ...route }], leftOut: [] });
      call = { request, caller, model, plan, reply, unit, asked, routing };
      admitted = await admitUnit(deps, call);
    } catch (error) {
      recordRefusal(deps, { request, caller, facts, error });
      throw error;
    }
    await runUnit(deps, call, admitted);
  };
}
