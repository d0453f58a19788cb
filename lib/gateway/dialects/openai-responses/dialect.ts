import type { Dialect } from "@/lib/gateway/dialects/dialect";
import { eventFrame, failedResponse } from "@/lib/gateway/dialects/openai-responses/frames";
import { parseResponses } from "@/lib/gateway/dialects/openai-responses/parse";
import { itemsOf, textOf, toCallOptions, untranslatable } from "@/lib/gateway/dialects/openai-responses/prompt";
import { factsOf, MARKER, relayBody, textOfEvent } from "@/lib/gateway/dialects/openai-responses/relay";
import { endOf, renderResponse, responseObject } from "@/lib/gateway/dialects/openai-responses/render";
import { ResponseStream } from "@/lib/gateway/dialects/openai-responses/stream";
import { responsesUsage } from "@/lib/gateway/dialects/openai-responses/usage";
import type { JsonObject } from "@/lib/gateway/json-body";
import { estimatePromptTokens } from "@/lib/gateway/meter/tokens";

/** OpenAI's Responses, without stored state. */
export const openAIResponses: Dialect = {
  id: "openai-responses",
  endpoint: "responses",
  parse: parseResponses,
  estimateInput: ({ body }) =>
    estimatePromptTokens([{ content: body.instructions }, ...itemsOf(body.input).map(flatten)], body.tools),
  untranslatable,
  toCallOptions,
  renderWhole: renderResponse,
  renderStream: (call, answer) => new ResponseStream(call, answer),
  answerId: (requestId) => `resp_${requestId.slice("req_".length)}`,
  failureFrame: (error, { call, identity }) =>
    eventFrame({ type: "response.failed", sequence_number: 0, response: failedResponse(call, identity, error) }),
  relay: {
    body: relayBody,
    marker: MARKER,
    facts: factsOf,
    text: textOfEvent,
    frame: (event) => eventFrame(event as { type: string }),
    owed: () => "",
    curtail: ({ call, identity, lastEvent, usage, price }) =>
      eventFrame({
        type: "response.incomplete",
        sequence_number: Number(lastEvent?.sequence_number ?? -1) + 1,
        response: {
          ...responseObject(call, identity),
          ...endOf({ unified: "length", raw: undefined }),
          usage: responsesUsage(usage, price),
        },
      }),
  },
};

/** Arguments, results and thoughts are counted too; images and files are not. */
function flatten(item: JsonObject): JsonObject {
  const texts = [item.name, item.arguments, item.input].filter((text) => typeof text === "string");
  return { content: [textOf(item.content), textOf(item.output), textOf(item.summary), ...texts].join("") };
}
