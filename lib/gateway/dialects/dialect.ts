import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import type { Usage } from "@/lib/billing/usage";
import type { AppError } from "@/lib/errors";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { ProviderDefinition } from "@/lib/gateway/providers/define";
import type { Nano } from "@/lib/money";

/** A request for an answer in words, as its client states it: what the gateway must know of it, and the body as it goes on. */
export type Conversation = {
  dialect: Dialect;
  model: string;
  stream: boolean;
  /** The client asked for usage at the end of its stream, or its protocol always has it. */
  includeUsage: boolean;
  /** The client's token limit; null where it gave none. */
  maxOutputTokens: number | null;
  /** Number of answers asked for at once. */
  choices: number;
  /** Bytes of the decoded body: an upper bound of the tokens of its text. */
  inputBytes: number;
  /** An upper bound of the tokens that bytes do not bound: images and files. Infinity: only the context window does. */
  mediaTokens: number;
  /** What keeps a caller on one credential; null where the request says nothing. */
  affinity: string | null;
  /** What was left out and is told to the client. */
  warnings: string[];
  /** Client headers that belong to the protocol and go up with a relayed body. */
  upstreamHeaders: Record<string, string>;
  /** The whole body, unknown fields kept, neutral and unpriced ones dropped. */
  body: JsonObject;
  /** What it asks its provider to run, as long as nobody is found who serves it; absent: nothing. */
  hosted?: HostedTools;
  /** The most calls of such tools that its body allows, by name; absent: none. */
  hostedCalls?: Readonly<Record<string, number>>;
  /** The service tier with rates of its own that its body asks for; absent: the ordinary one. */
  serviceTier?: string;
};

/** Tools that the provider would run and bill by the call, and the service tier at rates of its own. They are not in the body until
 *  it is known who can be paid for them. */
export type HostedTools = {
  /** As prices name them, a service tier as `tier:flex`. */
  names: readonly string[];
  /** The call with those of `served` in its body again, clamped to the calls that it is then held for; its warnings name the
   *  others. Throws unsupported_value where `tool_choice` insists on one of those. */
  serve(call: Conversation, served: ReadonlySet<string>): Conversation;
};

/** What a dialect reads from a body. */
export type ParsedCall = Omit<Conversation, "dialect">;

/** How an answer names itself, the same in each of its frames. */
export type AnswerIdentity = { id: string /** Seconds. */; created: number; model: string };

export type RelayTarget = {
  provider: ProviderDefinition;
  upstreamModel: string;
  /** The token limit to send; null for none. */
  maxOutputTokens: number | null;
};

/** What one event of a relayed stream, or a relayed body, says that the gateway must know. */
export type RelayedFacts = {
  /** The upstream's own id of the answer. */
  id?: string;
  /** What the upstream calls an error, in a stream that began well. */
  error?: unknown;
  /** True from the first event that a user would see something of. */
  hasContent: boolean;
  finishReason?: string;
  /** The usage object itself, as it stands in the event: the price is written into it. */
  usage?: JsonObject;
  /** Calls of tools that the provider ran, for a protocol whose usage does not count them; null: the items that came say it. */
  toolCalls?: Readonly<Record<string, number>> | null;
  /** The service tier that the upstream says it served. */
  serviceTier?: string;
  /** Usage that is not final: taken note of, passed on as it is. */
  earlyUsage?: JsonObject;
  /** True for an event that only we asked for. */
  isUnasked?: boolean;
  /** True for the event after which nothing comes. */
  isLast?: boolean;
};

/** Makes the frames of a translated stream. */
export type StreamRenderer = {
  /** The frames for one part; empty for parts that the dialect has no words for. */
  part(part: LanguageModelV4StreamPart): string;
  /** Everything from the last part to the end of the stream; the price is null for calls without one. */
  finish(reason: LanguageModelV4FinishReason, usage: Usage, price: Nano | null): string;
  /** The last frame of a stream that broke off, where it depends on what was said before. */
  failure?(error: AppError): string;
};

/** A client protocol for answers in words. Each lives in a folder of its own; nothing else of the gateway knows its shapes. */
export type Dialect = {
  id: DialectId;
  /** How the endpoint is called in usage records: the path below /api/v1. */
  endpoint: string;
  /** Checks only what the gateway itself relies on; the rest is the upstream's to judge. Throws invalid_request, invalid_type
   *  and unsupported_value naming the parameter. */
  parse(body: JsonObject, inputBytes: number, headers: GatewayRequest["headers"]): ParsedCall;
  /** Our estimate of the prompt's tokens, used where nobody reports usage. Media are not counted. */
  estimateInput(call: Conversation): number;
  /** Names the parameter that changes the answer's shape and cannot be said to this provider by translation; null for none.
   *  Calls go to other providers then. */
  untranslatable(call: Conversation, provider: ProviderDefinition): string | null;
  /** The request for the AI SDK model of a provider that does not speak this dialect. `warnings` names what only tunes and
   *  was left out. */
  toCallOptions(call: Conversation, target: RelayTarget): { options: LanguageModelV4CallOptions; warnings: string[] };
  renderWhole(
    call: Conversation,
    result: LanguageModelV4GenerateResult,
    answer: { identity: AnswerIdentity; provider: string; usage: Usage; price: Nano | null },
  ): JsonObject;
  renderStream(
    call: Conversation,
    answer: { identity: AnswerIdentity; provider: string; inputTokens: () => number },
  ): StreamRenderer;
  /** How an answer of this dialect is named when the gateway makes it. */
  answerId(requestId: string): string;
  /** The last frame of a stream that failed after its status was sent. */
  failureFrame(error: AppError, answer: { call: Conversation; identity: AnswerIdentity; requestId: string }): string;
  /** Its clients do not wait for the status of a slow answer in one piece: see `patient-reply.ts`. */
  isImpatient?: boolean;
  /** Keeps a silent stream going once the answer has begun, where its clients know better than a comment. */
  heartbeat?: string;
  /** Nothing says that a token limit bounds together what a model answers between the calls of hosted tools. */
  limitsEachTurn?: boolean;
  /** Null for a protocol that no upstream speaks. */
  relay: Relay | null;
};

/** How an answer of an upstream that speaks the dialect passes through. */
export type Relay = {
  /** The client's body with only what must change. */
  body(call: Conversation, target: RelayTarget): string;
  /** Events without a match are passed on unread once the answer has begun. Inside JSON strings, quotes are escaped. */
  marker: RegExp;
  facts(event: JsonObject, call: Conversation): RelayedFacts;
  /** Text of an event or a whole answer that counts as output; `ran` names the tools that the provider ran, once per call. */
  text(event: JsonObject): { text: string; reasoning: string; ran?: readonly string[] };
  /** One usage object out of several; the later one alone counts where this is not given. */
  joinUsage?(earlier: JsonObject | null, later: JsonObject): JsonObject;
  /** One event as a frame, where it had to be changed. */
  frame(event: JsonObject): string;
  /** Frames still owed at the end of a stream that the upstream ended well. */
  owed(answer: {
    call: Conversation;
    identity: AnswerIdentity;
    reported: boolean;
    counted: () => Usage;
    price: Nano | null;
  }): string;
  /** The end of a stream that stops because its credit does: as if the answer had reached its greatest length, with `native`
   *  as the reason. `lastEvent` is what the client got last. */
  curtail(answer: {
    call: Conversation;
    identity: AnswerIdentity;
    lastEvent: JsonObject | null;
    native: string;
    usage: Usage;
    price: Nano | null;
  }): string;
};

/** The client protocols of conversations; a provider's upstream may speak some of them natively. */
export type DialectId = "openai-chat" | "openai-responses" | "openai-completions" | "anthropic-messages" | "aigne";
