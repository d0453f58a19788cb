import type {
  EmbeddingModelV4,
  ImageModelV4,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  RerankingModelV4,
  SpeechModelV4,
} from "@ai-sdk/provider";
import type { ProviderKindId } from "@/lib/catalog/provider-kinds";
import type { DialectId } from "@/lib/gateway/dialects/dialect";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { UnitDialectId } from "@/lib/gateway/units/unit";
import type { ReadUsage } from "@/lib/gateway/usage/reading";

export type Secret = Record<string, string>;

/** Why an upstream call failed, decided once, in the provider file.
 *  Credential-bound: auth, rate_limited. Upstream-bound: overloaded, server, timeout, network.
 *  The client's own: invalid_request, context_length, content_policy (no retry, no health effect). */
export type FailureClass =
  | "auth"
  | "rate_limited"
  | "overloaded"
  | "server"
  | "timeout"
  | "network"
  | "invalid_request"
  | "context_length"
  | "content_policy";

export type UpstreamFailure = {
  class: FailureClass;
  status: number | null;
  /** Shown to the client only for failures that are the client's own; scrubbed of secrets by the caller. */
  message: string;
  param: string | null;
  retryAfterMs: number | null;
};

export type FailedResponse = { status: number; headers: Record<string, string | undefined>; body: string };

/** Where a provider is called, and as whom. */
export type UpstreamTarget = { secret: Secret; baseUrl: string; region: string | null };

export type SdkSettings = UpstreamTarget & { fetch: typeof globalThis.fetch };

export type UpstreamGet = { url: string; headers: Record<string, string> };

export type ListedModel = { id: string; name?: string };

export type ModelList = {
  request(target: UpstreamTarget): UpstreamGet | Promise<UpstreamGet>;
  read(body: unknown): ListedModel[];
};

/** What is left of an account, as decimal text; `unit` is a currency or the provider's own. */
export type UpstreamBalance = { amount: string; unit: string };

export type BalanceCall = {
  request(target: UpstreamTarget): UpstreamGet;
  /** Null where the answer does not say. */
  read(body: unknown): UpstreamBalance | null;
};

export type Spoken = {
  /** Below the base URL. */
  path: string;
  /** Where it counts the tokens of a prompt, free of charge; absent where it cannot be asked. */
  countPath?: string;
  /** How its usage is read, where that differs from the provider's other protocols. */
  usage?: ReadUsage;
  /** Tools that it runs itself and this protocol both limits and counts, as prices name them; service tiers that a request may
   *  choose and its answer names, as `tier:flex`. */
  hosts?: readonly string[];
  /** Its usage as the dialect's owner counts, where the provider counts otherwise. */
  restate?: (usage: JsonObject) => JsonObject;
};

export type ProviderDefinition = {
  id: ProviderKindId;
  name: string;
  /** False for providers that need no secret. */
  needsCredential: boolean;
  /** Dialects relayed as they are. */
  speaks: Partial<Record<DialectId | UnitDialectId, Spoken>>;
  /** Credential headers for relays. */
  headers(secret: Secret): Record<string, string>;
  /** How usage is read from what this provider sends, and from its SDK module's raw usage. */
  usage: ReadUsage;
  classify(failure: FailedResponse): UpstreamFailure;
  /** The provider's AI SDK language model, for dialects it does not speak. Its module is imported here, on first use: an
   *  installation pays for the providers it calls. */
  languageModel(
    settings: SdkSettings,
    upstreamModel: string,
    options: LanguageModelV4CallOptions,
  ): LanguageModelV4 | Promise<LanguageModelV4>;
  /** What the module must be told beside what every provider is told. */
  prepare?(options: LanguageModelV4CallOptions, upstreamModel: string): LanguageModelV4CallOptions;
  /** Its models of other kinds, where its module has them and its upstream does not speak the protocol itself. */
  embeddingModel?(settings: SdkSettings, upstreamModel: string): EmbeddingModelV4 | Promise<EmbeddingModelV4>;
  imageModel?(settings: SdkSettings, upstreamModel: string): ImageModelV4 | Promise<ImageModelV4>;
  speechModel?(settings: SdkSettings, upstreamModel: string): SpeechModelV4 | Promise<SpeechModelV4>;
  rerankingModel?(settings: SdkSettings, upstreamModel: string): RerankingModelV4 | Promise<RerankingModelV4>;
  /** Model-list call for discovery and credential tests; null where there is none. */
  listModels: ModelList | null;
  /** What a credential test calls where the model list is open to everybody. */
  testCredential?(target: UpstreamTarget): UpstreamGet;
  /** Where it tells what is left of the account. */
  balance?: BalanceCall;
  /** The request field that carries the token limit in the openai-chat dialect. */
  tokenLimitField?: "max_tokens" | "max_completion_tokens" | "as-sent";
  /** Requests without a token limit are refused. */
  needsLimit?: boolean;
  /** False: a model that thinks says nothing of its thoughts while it does, so that its stream cannot be metered. `if-asked`:
   *  unless the call asks for thoughts. */
  reasoningStreams?: boolean | "if-asked";
  /** Its models may be asked for images in their answers by translation. */
  answersWithImages?: boolean;
  /** Its module sends the files that tools answer with as such. Those of other providers follow in a message of the user. */
  toolFiles?: boolean;
  /** The types of files that its module takes, where it leaves out the others without a word. */
  fileTypes?: RegExp;
  /** Its chat models take sound, and so may transcribe. */
  hears?: boolean;
  /** The most stop words that its models take; absent: no limit is known to us, so any number is sent. */
  maxStopSequences?: number;
  /** Sends system instead of the developer role. */
  developerAsSystem?: boolean;
};

/** The definition as given, checked where it is written. */
export function defineProvider(definition: ProviderDefinition): ProviderDefinition {
  return definition;
}

/** How usage is read from a relayed answer. */
export function usageReader({ speaks, usage }: ProviderDefinition, dialect: DialectId | UnitDialectId): ReadUsage {
  return speaks[dialect]?.usage ?? usage;
}
