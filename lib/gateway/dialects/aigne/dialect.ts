import { DeltaRenderer, failureFrame, renderAnswer } from "@/lib/gateway/dialects/aigne/answer";
import { parseAigne } from "@/lib/gateway/dialects/aigne/request";
import type { Dialect } from "@/lib/gateway/dialects/dialect";
import { openAIChat } from "@/lib/gateway/dialects/openai-chat/dialect";

/** The protocol of the AIGNE framework's hub client. Its requests become those of chat, its answers are its own. */
export const aigne: Dialect = {
  id: "aigne",
  endpoint: "chat",
  parse: parseAigne,
  estimateInput: openAIChat.estimateInput,
  untranslatable: openAIChat.untranslatable,
  toCallOptions: openAIChat.toCallOptions,
  renderWhole: renderAnswer,
  renderStream: (call, answer) => new DeltaRenderer(call, answer),
  answerId: (requestId) => requestId,
  failureFrame,
  isImpatient: true,
  relay: null,
};
