import type { SharedV4ProviderOptions } from "@ai-sdk/provider";
import type { RelayTarget } from "@/lib/gateway/dialects/dialect";

/** What the SDK's specification leaves to each module; absent where the client said nothing. */
export type OwnOptions = {
  parallelToolCalls?: boolean | undefined;
  user?: string | undefined;
  promptCacheKey?: string | undefined;
  verbosity?: string | undefined;
  /** Tokens; null for none, and for models that take steps of effort alone the step says as much. */
  thinkingBudget?: number | null | undefined;
  /** Whether a schema that was given is a strict one, whose every property is required. */
  isStrict?: boolean | undefined;
};

/** The same wishes in the words of the provider's module. */
export function ownOptions(
  { parallelToolCalls: parallel, user, promptCacheKey, verbosity, isStrict, thinkingBudget: budget }: OwnOptions,
  provider: Pick<RelayTarget["provider"], "id"> & Partial<Pick<RelayTarget["provider"], "speaks">>,
): SharedV4ProviderOptions {
  // the modules' own default is strict, which refuses most schemas
  const shared = { strictJsonSchema: isStrict, user, textVerbosity: verbosity };
  switch (provider.id) {
    case "anthropic":
      return named("anthropic", {
        disableParallelToolUse: parallel === false ? true : undefined,
        metadata: user && { userId: user },
        thinking: budget ? { type: "enabled", budgetTokens: budget } : undefined,
      });
    case "bedrock":
      return named("amazonBedrock", {
        reasoningConfig: budget ? { type: "enabled", budgetTokens: budget } : undefined,
      });
    case "google":
      return named("google", { thinkingConfig: budget ? { thinkingBudget: budget } : undefined });
    case "openai":
      return named("openai", { ...shared, parallelToolCalls: parallel, promptCacheKey });
    default:
      // what the shared module does not know goes up as it is spelt
      return provider.speaks?.["openai-chat"] === undefined
        ? {}
        : named(camelCase(provider.id), {
            ...{ ...shared, parallel_tool_calls: parallel, prompt_cache_key: promptCacheKey },
          });
  }
}

/** Modules warn about their name spelt with dashes. */
function camelCase(id: string): string {
  return id.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

type Value = string | boolean | Record<string, string | number>;

function named(name: string, values: Record<string, Value | undefined>): SharedV4ProviderOptions {
  const given = Object.entries(values).filter(
    (entry): entry is [string, Value] => Boolean(entry[1] ?? "") || entry[1] === false,
  );
  return given.length > 0 ? { [name]: Object.fromEntries(given) } : {};
}

/** A field that holds a text that says something. */
export function textOrNone(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
