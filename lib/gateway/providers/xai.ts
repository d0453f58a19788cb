import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { openAIErrors, openAIUsage } from "@/lib/gateway/providers/openai-wire";

export const xai = openAIFamily({
  id: "xai",
  name: "xAI",
  usage: xaiUsage,
  classify: openAIErrors(({ message }) => {
    // a wrong key is a 400 here, and an empty account a 429
    if (/incorrect api key|(used all|out of) .*credits|spending limit/i.test(message)) return "auth";
    return /content violates|usage guidelines/i.test(message) ? "content_policy" : null;
  }),
});

/** `completion_tokens` leaves reasoning out, as the total shows; where it does not, it is read as OpenAI's. */
function xaiUsage(raw: unknown) {
  const usage = raw as XaiUsage | null | undefined;
  const reasoning = usage?.completion_tokens_details?.reasoning_tokens ?? 0;
  const isOutside =
    reasoning > 0 && usage?.total_tokens === (usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0) + reasoning;
  return openAIUsage(isOutside ? { ...usage, completion_tokens: (usage?.completion_tokens ?? 0) + reasoning } : raw);
}

type XaiUsage = {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
  completion_tokens_details?: { reasoning_tokens?: number | null } | null;
};
