import type {
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
} from "@ai-sdk/provider";
import type { Usage } from "@/lib/billing/usage";
import type { AnswerIdentity, Conversation } from "@/lib/gateway/dialects/dialect";
import { customInput, customNames } from "@/lib/gateway/dialects/openai-responses/custom-tools";
import { responsesUsage } from "@/lib/gateway/dialects/openai-responses/usage";
import { packState } from "@/lib/gateway/dialects/provider-state";
import { withState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { Nano } from "@/lib/money";

/** A whole translated answer as a response object. `provider` is the kind that made it. */
export function renderResponse(
  call: Conversation,
  result: LanguageModelV4GenerateResult,
  answer: { identity: AnswerIdentity; provider: string; usage: Usage; price: Nano | null },
): JsonObject {
  const custom = customNames(call.body.tools);
  const output = result.content.flatMap((part, index) =>
    itemOf(part, { id: itemSuffix(answer.identity.id, index), provider: answer.provider, custom }),
  );
  return {
    ...responseObject(call, answer.identity),
    ...endOf(result.finishReason),
    output,
    usage: responsesUsage(answer.usage, answer.price),
  };
}

/** The response object before anything is said; every key that strict clients look for but `usage`, which comes at the end. */
export function responseObject({ body }: Conversation, { id, created, model }: AnswerIdentity): JsonObject {
  return {
    id,
    object: "response",
    created_at: created,
    status: "in_progress",
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    model,
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: body.reasoning ?? { effort: null, summary: null },
    service_tier: "default",
    // nothing is kept, whatever was asked
    store: false,
    temperature: body.temperature ?? 1,
    text: body.text ?? { format: { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_logprobs: 0,
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? "disabled",
    ...(typeof body.user === "string" && { user: body.user }),
    metadata: body.metadata ?? {},
  };
}

/** How an answer ended, as the fields that say so. */
export function endOf({ unified }: LanguageModelV4FinishReason): JsonObject {
  if (unified === "length") return { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
  if (unified === "content-filter") return { status: "incomplete", incomplete_details: { reason: "content_filter" } };
  return { status: "completed" };
}

type Part = { id: string; provider: string; custom: ReadonlySet<string> };

function itemOf(part: LanguageModelV4Content, { id, provider, custom }: Part): JsonObject[] {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [messageItem(`msg_${id}`, part.text)];
    case "reasoning":
      return [reasoningItem(`rs_${id}`, part.text, packState(provider, part.providerMetadata ?? { [provider]: {} }))];
    case "tool-call": {
      const callId = withState(part.toolCallId, provider, part.providerMetadata);
      return [
        toolItem({ id, callId, name: part.toolName, input: part.input || "{}", isCustom: custom.has(part.toolName) }),
      ];
    }
    default:
      return [];
  }
}

export function messageItem(id: string, text: string): JsonObject {
  return { id, type: "message", status: "completed", role: "assistant", content: [textPart(text)] };
}

export function textPart(text: string): JsonObject {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

export function reasoningItem(id: string, text: string, state: string | null): JsonObject {
  const summary = text === "" ? [] : [{ type: "summary_text", text }];
  return { id, type: "reasoning", summary, encrypted_content: state };
}

export function toolItem(call: {
  id: string;
  callId: string;
  name: string;
  input: string;
  isCustom: boolean;
}): JsonObject {
  const { id, callId: call_id, name, input } = call;
  return call.isCustom
    ? { id: `ctc_${id}`, type: "custom_tool_call", status: "completed", call_id, name, input: customInput(input) }
    : { id: `fc_${id}`, type: "function_call", status: "completed", call_id, name, arguments: input };
}

/** Unique within the organisation, and the same whenever the answer is rendered. */
export function itemSuffix(answerId: string, index: number): string {
  return `${answerId.slice("resp_".length)}${index.toString(36).padStart(2, "0")}`;
}
