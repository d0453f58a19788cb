import { APICallError, type LanguageModelV4, type LanguageModelV4CallOptions } from "@ai-sdk/provider";

const THINKING = /^(ft:)?(o[1-9]|gpt-[5-9]|codex|gpt-oss)/;
const SPEAKING = /^(ft:)?(gpt-[34]|chatgpt|davinci|babbage)|chat/;

/** Whether a call may make an OpenAI model think: by its name, or because it is asked to and its name says nothing. */
export function mayThink(upstreamModel: string, effort: LanguageModelV4CallOptions["reasoning"]): boolean {
  if (SPEAKING.test(upstreamModel)) return false;
  return THINKING.test(upstreamModel) || isAsked(effort);
}

/** The Responses model of the SDK, stateless as this hub is. Thoughts come in words where a call asks for them, and always
 *  encrypted, so that the next turn of a tool loop can bring them back. */
export function thinkingModel(model: LanguageModelV4): LanguageModelV4 {
  return {
    specificationVersion: model.specificationVersion,
    provider: model.provider,
    modelId: model.modelId,
    supportedUrls: model.supportedUrls,
    doGenerate: (options) => withSummary(options, (asked) => model.doGenerate(asked)),
    doStream: (options) => withSummary(options, (asked) => model.doStream(asked)),
  };
}

/** OpenAI gives summaries to verified organisations only: the others get an answer without one. */
async function withSummary<Answer>(
  options: LanguageModelV4CallOptions,
  call: (options: LanguageModelV4CallOptions) => PromiseLike<Answer>,
): Promise<Answer> {
  const wanted = isAsked(options.reasoning);
  try {
    return await call(stateless(options, wanted));
  } catch (error) {
    if (!wanted || !isUnverified(error)) throw error;
    return call(stateless(options, false));
  }
}

function stateless(options: LanguageModelV4CallOptions, withSummary: boolean): LanguageModelV4CallOptions {
  const openai = {
    ...options.providerOptions?.openai,
    store: false,
    // for names that the module does not know
    ...(isAsked(options.reasoning) && { forceReasoning: true }),
    // not said, the module would ask for a detailed one
    reasoningSummary: withSummary ? "auto" : null,
  };
  return { ...options, providerOptions: { ...options.providerOptions, openai } };
}

function isUnverified(error: unknown): boolean {
  return (
    APICallError.isInstance(error) &&
    error.statusCode === 400 &&
    /verified to (generate|stream) reasoning summar/i.test(error.responseBody ?? "")
  );
}

function isAsked(effort: LanguageModelV4CallOptions["reasoning"]): boolean {
  return effort !== undefined && effort !== "none" && effort !== "provider-default";
}
