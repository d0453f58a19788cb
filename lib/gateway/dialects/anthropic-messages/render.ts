import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
} from "@ai-sdk/provider";
import type { Usage } from "@/lib/billing/usage";
import { messagesUsage } from "@/lib/gateway/dialects/anthropic-messages/usage";
import type { AnswerIdentity, Conversation } from "@/lib/gateway/dialects/dialect";
import { packState } from "@/lib/gateway/dialects/provider-state";
import { withState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { Nano } from "@/lib/money";

/** A whole translated answer as a message. `provider` is the kind that made it: its signatures go back to it alone. */
export function renderMessage(
  _call: Conversation,
  result: LanguageModelV4GenerateResult,
  answer: { identity: AnswerIdentity; provider: string; usage: Usage; price: Nano | null },
): JsonObject {
  const content = result.content.flatMap((part) => blockOf(part, answer.provider));
  const hasTools = content.some(({ type }) => type === "tool_use");
  return {
    id: answer.identity.id,
    type: "message",
    role: "assistant",
    model: answer.identity.model,
    content,
    stop_reason: stopReasonOf(result.finishReason, hasTools),
    stop_sequence: null,
    usage: messagesUsage(answer.usage, answer.price),
  };
}

function blockOf(part: LanguageModelV4Content, provider: string): JsonObject[] {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [{ type: "text", text: part.text, citations: null }];
    case "reasoning":
      return [thinkingBlock(part.text, provider, part.providerMetadata)];
    case "tool-call":
      return [
        {
          type: "tool_use",
          id: withState(part.toolCallId, provider, part.providerMetadata),
          name: part.toolName,
          input: parseInput(part.input),
        },
      ];
    default:
      return [];
  }
}

/** Reasoning without text is what the provider keeps to itself: it comes back unread. */
export function thinkingBlock(
  text: string,
  provider: string,
  metadata: Parameters<typeof packState>[1],
): { type: string } & JsonObject {
  const state = packState(provider, metadata ?? { [provider]: {} }) ?? "";
  return text === "" && metadata
    ? { type: "redacted_thinking", data: state }
    : { type: "thinking", thinking: text, signature: state };
}

function parseInput(input: string): unknown {
  try {
    return JSON.parse(input || "{}");
  } catch {
    // the model broke off inside its arguments; the client's own schema check says so
    return { _raw: input };
  }
}

const STOP_REASONS: Record<LanguageModelV4FinishReason["unified"], string> = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "refusal",
  error: "end_turn",
  interrupted: "end_turn",
  other: "end_turn",
};

export function stopReasonOf(reason: LanguageModelV4FinishReason, hasTools: boolean): string {
  const mapped = STOP_REASONS[reason.unified];
  return mapped === "end_turn" && hasTools ? "tool_use" : mapped;
}
