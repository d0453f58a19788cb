import type { UsageBound } from "@/lib/billing/pricing";
import type { Usage } from "@/lib/billing/usage";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { ProviderDefinition, SdkSettings } from "@/lib/gateway/providers/define";
import type { RouteHints } from "@/lib/gateway/routing/hints";
import type { Need } from "@/lib/gateway/routing/needs";
import type { UsageReading } from "@/lib/gateway/usage/reading";
import type { Nano } from "@/lib/money";

/** Protocols of calls that are answered in one piece; a provider's upstream may speak some of them natively. */
export type UnitDialectId =
  | "openai-embeddings"
  | "openai-images"
  | "openai-image-edits"
  | "openai-speech"
  | "openai-transcriptions"
  | "openai-translations"
  | "openai-moderations"
  | "rerank";

/** A request that one answer in one piece serves: vectors, images, sound, a ranking. */
export type UnitCall = {
  model: string;
  /** The kind of call that it turned out to be; absent: its endpoint's own. */
  unit?: Unit;
  /** What its client says about routing, which is no part of the body any more. */
  hints: RouteHints | null;
  /** What it cannot be served without. */
  needs?: readonly Need[];
  /** What keeps a caller on one credential; null where the request says nothing. */
  affinity: string | null;
  /** What was left out and is told to the client. */
  warnings: string[];
  /** The most it can use: what it is held for. */
  bound: UsageBound;
  /** Our count of the input's tokens; for the token rate limit, and where nobody reports usage. */
  countInput(): number;
  /** What of the bound's input is no text, and so not in that count; absent: nothing. */
  mediaTokens?: number;
  /** Names the parameter that only an upstream of this protocol can serve; null where translation will do. */
  relayOnly: string | null;
  /** The client's body with only what must change. */
  relayBody(upstreamModel: string): RelayBody | Promise<RelayBody>;
  /** What a relayed answer used; it reads as unknown where the answer does not say. */
  readUsage(answer: RelayedAnswer): UsageReading;
  /** The same use in the units that nobody reported, for models that are priced by those; absent: there is one way. */
  convertUsage?(reported: Usage, answer: JsonObject | null, route: "relay" | "translate"): Usage;
  /** The answer in the client's own words, a text as text/plain; absent where those are the upstream's. */
  present?(answer: JsonObject, paid: PaidAnswer): JsonObject | string;
  /** The call through the provider's AI SDK module; absent where no module has such models. */
  translate?(target: TranslationTarget): Promise<TranslatedAnswer>;
};

/** What an answer used and cost in USD; null for calls without a price. */
export type PaidAnswer = { usage: Usage; price: Nano | null; requestId: string /** Who answers. */; model: string };

export type RelayBody = { body: string | Uint8Array; contentType: string };

/** `json` is null for answers that are no JSON object. */
export type RelayedAnswer = { json: JsonObject | null; bytes: Buffer };

export type TranslationTarget = {
  provider: ProviderDefinition;
  settings: SdkSettings;
  /** Whose parts of one answer fit together. */
  offerId: string;
  upstreamModel: string;
  /** What the answer calls its model. */
  model: string;
  signal: AbortSignal;
  /** Milliseconds since the epoch. */
  now: number;
};

/** `carried` is what earlier attempts used for parts of it, beside the reading. */
export type TranslatedAnswer = { reading: UsageReading; carried?: Usage; warnings?: string[] } & (
  | { body: JsonObject }
  | { bytes: Uint8Array; contentType: string; body?: undefined }
);

/** One kind of such calls. */
export type Unit = {
  id: UnitDialectId;
  /** The path below /api/v1, as usage records call it. */
  endpoint: string;
  /** The kind of model that serves it. */
  modelType: string;
  limitBytes: number;
  /** Throws invalid_request, invalid_type, unsupported_value and unsupported_parameter naming the parameter. */
  parse(body: Buffer, request: GatewayRequest): UnitCall | Promise<UnitCall>;
  /** Its clients do not wait for the status of a slow answer: see `patient-reply.ts`. */
  isImpatient?: boolean;
  /** Whether this provider can be translated to. */
  canTranslate(provider: ProviderDefinition): boolean;
};
