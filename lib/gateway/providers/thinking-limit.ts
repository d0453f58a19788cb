import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
  SharedV4Warning,
} from "@ai-sdk/provider";

/** Where the option stands in which a provider's module takes a budget of thoughts. */
type Place = { provider: string; option: string };

/** The least that Claude takes, and what an answer needs behind its thoughts (see `hold-size.ts`). */
const LEAST_TOKENS = 1_024;
/** Of the limit, by effort: as the modules share out a model's maximum. */
const SHARES: Record<string, number> = { minimal: 0.02, low: 0.1, medium: 0.3, high: 0.6, xhigh: 0.9, max: 0.95 };
const DROPPED: SharedV4Warning = { type: "unsupported", feature: "reasoning" };

/** A model whose thoughts are part of a call's limit, as that is what the call is held for: the modules would add a
 *  budget on top for Claude, which is shared out of the model's own maximum. Models that are asked by effort stay within the
 *  limit themselves. Where it has no room for thoughts, they are left out. */
export async function withinLimit(model: LanguageModelV4, place: Place): Promise<LanguageModelV4> {
  // the modules' own knowledge, by the same look at a model's name
  const { getModelCapabilities } = await import("@ai-sdk/anthropic/internal");
  const { supportsAdaptiveThinking: isAskedByEffort, maxOutputTokens } = getModelCapabilities(model.modelId);
  const fitted = (options: LanguageModelV4CallOptions) => {
    if (isClaude(model) && !isAskedByEffort && isAsked(options)) return fitBudget(options, place, maxOutputTokens);
    return withLimit(withoutBudget(options, place), model);
  };
  return {
    specificationVersion: model.specificationVersion,
    provider: model.provider,
    modelId: model.modelId,
    supportedUrls: model.supportedUrls,
    async doGenerate(options) {
      const sent = fitted(options);
      const result = await model.doGenerate(sent);
      return isDropped(options, sent) ? { ...result, warnings: [...result.warnings, DROPPED] } : result;
    },
    async doStream(options) {
      const sent = fitted(options);
      const result = await model.doStream(sent);
      return isDropped(options, sent) ? { ...result, stream: result.stream.pipeThrough(warning()) } : result;
    },
  };
}

function isClaude({ modelId, provider }: LanguageModelV4): boolean {
  return provider.startsWith("anthropic") || /anthropic|claude/.test(modelId);
}

/** Nova answers without any limit where it is to think hard. */
function withLimit(options: LanguageModelV4CallOptions, { modelId }: LanguageModelV4): LanguageModelV4CallOptions {
  const isHard = /nova-2/.test(modelId) && /^(high|xhigh|max)$/.test(options.reasoning ?? "");
  return isHard && options.maxOutputTokens !== undefined ? { ...options, reasoning: "medium" } : options;
}

function isAsked({ reasoning }: LanguageModelV4CallOptions): boolean {
  return reasoning !== undefined && reasoning !== "none";
}

function fitBudget(
  options: LanguageModelV4CallOptions,
  place: Place,
  modelMaximum: number,
): LanguageModelV4CallOptions {
  const { provider, option } = place;
  const limit = options.maxOutputTokens ?? modelMaximum;
  if (limit < 2 * LEAST_TOKENS) {
    const { reasoning: _none, ...rest } = withoutBudget(options, place);
    return rest;
  }
  const own = options.providerOptions?.[provider];
  const { budgetTokens } = (own?.[option] ?? {}) as { budgetTokens?: number };
  const wanted = budgetTokens ?? Math.round(limit * (SHARES[options.reasoning ?? ""] ?? 0.3));
  const budget = Math.min(Math.max(wanted, LEAST_TOKENS), limit - LEAST_TOKENS);
  const thinking = { type: "enabled", budgetTokens: budget };
  return {
    ...options,
    // the module adds the budget again
    maxOutputTokens: limit - budget,
    providerOptions: { ...options.providerOptions, [provider]: { ...own, [option]: thinking } },
  };
}

function withoutBudget(options: LanguageModelV4CallOptions, { provider, option }: Place): LanguageModelV4CallOptions {
  if (options.providerOptions?.[provider]?.[option] === undefined) return options;
  const { [option]: _budget, ...own } = options.providerOptions[provider];
  return { ...options, providerOptions: { ...options.providerOptions, [provider]: own } };
}

function isDropped(asked: LanguageModelV4CallOptions, fitted: LanguageModelV4CallOptions): boolean {
  return asked.reasoning !== fitted.reasoning;
}

function warning(): TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart> {
  return new TransformStream({
    transform: (part, controller) =>
      controller.enqueue(part.type === "stream-start" ? { ...part, warnings: [...part.warnings, DROPPED] } : part),
  });
}
