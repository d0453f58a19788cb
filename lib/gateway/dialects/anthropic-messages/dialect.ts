import { eventFrame, messagesError } from "@/lib/gateway/dialects/anthropic-messages/frames";
import { parseMessages } from "@/lib/gateway/dialects/anthropic-messages/parse";
import { toCallOptions } from "@/lib/gateway/dialects/anthropic-messages/prompt";
import { factsOf, joinUsage, MARKER, relayBody, textOfEvent } from "@/lib/gateway/dialects/anthropic-messages/relay";
import { renderMessage } from "@/lib/gateway/dialects/anthropic-messages/render";
import { MessageStream } from "@/lib/gateway/dialects/anthropic-messages/stream";
import { messagesUsage } from "@/lib/gateway/dialects/anthropic-messages/usage";
import type { Dialect } from "@/lib/gateway/dialects/dialect";
import type { JsonObject } from "@/lib/gateway/json-body";
import { estimatePromptTokens } from "@/lib/gateway/meter/tokens";

/** Anthropic's Messages API. */
export const anthropicMessages: Dialect = {
  id: "anthropic-messages",
  endpoint: "messages",
  parse: parseMessages,
  estimateInput: ({ body }) =>
    estimatePromptTokens(
      [{ content: body.system }, ...(body.messages as JsonObject[])].map(({ content }) => ({
        content: textOf(content),
      })),
      body.tools,
    ),
  // what Anthropic hosts was dropped where the request was parsed; all else has words elsewhere
  untranslatable: () => null,
  toCallOptions,
  renderWhole: renderMessage,
  renderStream: (_call, answer) => new MessageStream(answer),
  answerId: (requestId) => `msg_${requestId.slice("req_".length)}`,
  heartbeat: eventFrame({ type: "ping" }),
  limitsEachTurn: true,
  failureFrame: (error, { requestId }) => eventFrame(messagesError(error, requestId)),
  relay: {
    body: relayBody,
    marker: MARKER,
    facts: factsOf,
    text: textOfEvent,
    joinUsage,
    frame: (event) => eventFrame(event as { type: string }),
    owed: () => "",
    curtail({ lastEvent, usage, price }) {
      // blocks are open from their start to their stop, one at a time
      const isOpen = lastEvent?.type === "content_block_start" || lastEvent?.type === "content_block_delta";
      return (
        (isOpen ? eventFrame({ type: "content_block_stop", index: lastEvent.index }) : "") +
        eventFrame({
          type: "message_delta",
          delta: { stop_reason: "max_tokens", stop_sequence: null },
          usage: messagesUsage(usage, price),
        }) +
        eventFrame({ type: "message_stop" })
      );
    },
  },
};

/** Arguments, results and thoughts are counted too; images and documents are not. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return Array.isArray(content) ? content.map(textOfBlock).join("") : "";
}

function textOfBlock(block: JsonObject | null): string {
  switch (block?.type) {
    case "text":
      return String(block.text ?? "");
    case "thinking":
      return String(block.thinking ?? "");
    case "tool_use":
      return String(block.name) + JSON.stringify(block.input ?? {});
    case "tool_result":
      return textOf(block.content);
    default:
      return "";
  }
}
