import { type Admitted, admit } from "@/lib/gateway/admit";
import { recordRefusal } from "@/lib/gateway/endpoints/record-refusal";
import type { Endpoint } from "@/lib/gateway/endpoints/table";
import type { Price } from "@/lib/gateway/hold-size";
import { ModelSwitch } from "@/lib/gateway/model-switch";
import { planCall } from "@/lib/gateway/plan-call";
import { routableUnit, runUnit, sizeUnit } from "@/lib/gateway/units/run-unit";
import type { Unit, UnitCall } from "@/lib/gateway/units/unit";

/** The endpoint that answers calls of one kind in one piece. */
export function serveUnit(served: Unit): Endpoint {
  return async (deps, request, reply) => {
    const caller = await deps.keyring.authenticate(request);
    const facts = { endpoint: served.endpoint, dialect: served.id, model: "", stream: false };
    let call: { unit: Unit; asked: UnitCall; models: ModelSwitch };
    let admitted: Admitted;
    try {
      const asked = await served.parse(await request.readBody(served.limitBytes), request);
      const { unit = served } = asked;
      Object.assign(facts, { dialect: unit.id, model: asked.model });
      const chain = await planCall(deps, caller, routableUnit(unit, asked));
      const sizeOf = () => (price: Price, exact: boolean) => sizeUnit(asked, price, exact);
      const models = new ModelSwitch(deps, { requestId: request.id, caller, name: asked.model, sizeOf }, chain);
      const { model, plan, size } = models;
      call = { unit, asked, models };
      admitted = await admit(
        deps,
        { request, caller, model, plan, reply, routing: () => models.rows() },
        { endpoint: unit.endpoint, dialect: unit.id, stream: false, size, estimateInput: asked.countInput },
      );
    } catch (error) {
      recordRefusal(deps, { request, caller, facts, error });
      throw error;
    }
    await runUnit(deps, { request, reply, ...call }, admitted);
  };
}
