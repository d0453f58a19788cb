import type { Dialect, RelayedFacts } from "@/lib/gateway/dialects/dialect";
import { contentOf, DONE_FRAME, dataFrame, errorFrame } from "@/lib/gateway/dialects/openai-chat/frames";
import { parseChat } from "@/lib/gateway/dialects/openai-chat/parse";
import { toCallOptions, untranslatable } from "@/lib/gateway/dialects/openai-chat/prompt";
import { relayBody } from "@/lib/gateway/dialects/openai-chat/relay";
import { ChunkRenderer, renderCompletion } from "@/lib/gateway/dialects/openai-chat/render";
import { chatUsage } from "@/lib/gateway/dialects/openai-chat/usage";
import type { JsonObject } from "@/lib/gateway/json-body";
import { estimatePromptTokens } from "@/lib/gateway/meter/tokens";

/** OpenAI's chat completions. */
export const openAIChat: Dialect = {
  id: "openai-chat",
  endpoint: "chat/completions",
  parse: parseChat,
  estimateInput: ({ body }) => estimatePromptTokens(body.messages as JsonObject[], body.tools),
  untranslatable,
  toCallOptions,
  renderWhole: renderCompletion,
  renderStream: (call, answer) => new ChunkRenderer(call, answer),
  answerId: (requestId) => `chatcmpl-${requestId.slice("req_".length)}`,
  failureFrame: (error, { identity }) => errorFrame(error, identity),
  relay: {
    body: relayBody,
    marker: /"usage"\s*:\s*\{|"error"|"finish_reason"\s*:\s*"|\[DONE\]/g,
    facts,
    text: contentOf,
    frame: dataFrame,
    owed({ call, identity, reported, counted, price }) {
      if (reported || !call.includeUsage) return DONE_FRAME;
      // the client asked for usage and the provider gave none: it gets ours
      const chunk = { ...identity, object: "chat.completion.chunk", choices: [] };
      return dataFrame({ ...chunk, usage: chatUsage(counted(), price) }) + DONE_FRAME;
    },
    curtail({ call, identity, native, usage, price }) {
      const chunk = { ...identity, object: "chat.completion.chunk" };
      const end = { index: 0, delta: {}, logprobs: null, finish_reason: "length", native_finish_reason: native };
      const used = dataFrame({ ...chunk, choices: [], usage: chatUsage(usage, price) });
      return dataFrame({ ...chunk, choices: [end] }) + (call.includeUsage ? used : "") + DONE_FRAME;
    },
  },
};

function facts(chunk: JsonObject, { includeUsage }: { includeUsage: boolean }): RelayedFacts {
  const said: RelayedFacts = { hasContent: contentOf(chunk).hasContent };
  if (typeof chunk.id === "string") said.id = chunk.id;
  if (typeof chunk.service_tier === "string") said.serviceTier = chunk.service_tier;
  if (chunk.error) said.error = chunk.error;
  const reason = (chunk.choices as ({ finish_reason?: unknown } | null)[] | undefined)?.[0]?.finish_reason;
  if (typeof reason === "string") said.finishReason = reason;
  if (typeof chunk.usage === "object" && chunk.usage !== null) {
    said.usage = chunk.usage as JsonObject;
    said.isUnasked = !includeUsage && Array.isArray(chunk.choices) && chunk.choices.length === 0;
  }
  return said;
}
