import type { SdkSettings, UpstreamFailure } from "@/lib/gateway/providers/define";
import { findProvider } from "@/lib/gateway/providers/registry";
import { sdkFailure } from "@/lib/gateway/providers/sdk-failure";

/** Enough for every provider to accept, and next to nothing to pay. */
const MAX_OUTPUT_TOKENS = 16;

/** What the word and its frame come to, where the provider does not count them. */
const INPUT_TOKENS = 8;

type OneCall = { failure: UpstreamFailure | null; inputTokens: number; outputTokens: number };

/** The cheapest real call there is, for a check that must not rest on the model list: one word to a chat model. Without a
 *  failure the model answered, or would have but for what it was asked, which proves the route all the same. Throws an
 *  unknown kind. */
export async function callOnce(
  kind: string,
  settings: SdkSettings,
  upstreamModel: string,
  abortSignal: AbortSignal,
): Promise<OneCall> {
  const definition = findProvider(kind);
  if (!definition) throw new Error(`Providers of kind "${kind}" are not served yet.`);
  try {
    const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hi" }] }];
    const asked = { prompt, maxOutputTokens: MAX_OUTPUT_TOKENS, abortSignal };
    const options = definition.prepare?.(asked, upstreamModel) ?? asked;
    const model = await definition.languageModel(settings, upstreamModel, options);
    const { usage } = await model.doGenerate(options);
    return {
      failure: null,
      inputTokens: usage.inputTokens.total ?? INPUT_TOKENS,
      outputTokens: usage.outputTokens.total ?? MAX_OUTPUT_TOKENS,
    };
  } catch (error) {
    const failure = sdkFailure(error, definition);
    const isOurs = ["invalid_request", "context_length", "content_policy"].includes(failure.class);
    return { failure: isOurs ? null : failure, inputTokens: 0, outputTokens: 0 };
  }
}
