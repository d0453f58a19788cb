import { AppError } from "@/lib/errors";
import { parseJsonObject } from "@/lib/gateway/json-body";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { routingOf } from "@/lib/gateway/units/fields";
import type { Unit } from "@/lib/gateway/units/unit";
import { NOTHING_REPORTED } from "@/lib/gateway/usage/reading";

/** POST /moderations: relayed only, since no module has such models. A moderation model is of type chat in the catalogue. */
export const moderations: Unit = {
  id: "openai-moderations",
  endpoint: "moderations",
  modelType: "chat",
  limitBytes: 20 * 1024 * 1024,
  parse(bytes) {
    const body = parseJsonObject(bytes);
    const routing = routingOf(body, "omni-moderation-latest");
    if (body.input === undefined || body.input === null)
      throw new AppError("invalid_request", '"input" is missing: give a text or a list.', { param: "input" });
    const text = typeof body.input === "string" ? body.input : JSON.stringify(body.input);
    return {
      ...routing,
      warnings: [],
      bound: { inputTokens: bytes.length, outputTokens: 0 },
      countInput: () => countTokens(text),
      relayOnly: null,
      relayBody: (upstreamModel) => ({
        body: JSON.stringify({ ...body, model: upstreamModel }),
        contentType: "application/json",
      }),
      readUsage: () => NOTHING_REPORTED,
    };
  },
  canTranslate: () => false,
};
