import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { OPENAI_UNITS, openAIErrors } from "@/lib/gateway/providers/openai-wire";
import { inclusiveUsage, xaiUsage } from "@/lib/gateway/usage/openai-chat";
import { openAIResponsesUsage } from "@/lib/gateway/usage/openai-responses";

export const xai = openAIFamily({
  id: "xai",
  name: "xAI",
  speaks: {
    "openai-chat": { path: "/chat/completions", restate: inclusiveUsage },
    "openai-responses": { path: "/responses", usage: openAIResponsesUsage },
    "openai-images": OPENAI_UNITS["openai-images"],
  },
  usage: xaiUsage,
  // by docs.outcode.biz, which repeats xAI's list of fields; its own reference was not at hand
  maxStopSequences: 4,
  classify: openAIErrors(({ message }) => {
    // a wrong key is a 400 here, and an empty account a 429
    if (/incorrect api key|(used all|out of) .*credits|spending limit/i.test(message)) return "auth";
    return /content violates|usage guidelines/i.test(message) ? "content_policy" : null;
  }),
});
