import type {
  LanguageModelV4File,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolCall,
} from "@ai-sdk/provider";
import type { Usage } from "@/lib/billing/usage";
import type { AnswerIdentity, Conversation, StreamRenderer } from "@/lib/gateway/dialects/dialect";
import { DONE_FRAME, dataFrame } from "@/lib/gateway/dialects/openai-chat/frames";
import { ReasoningDetails, type ReasoningStyle, reasoningStyle } from "@/lib/gateway/dialects/openai-chat/reasoning";
import { chatUsage } from "@/lib/gateway/dialects/openai-chat/usage";
import { withState } from "@/lib/gateway/dialects/tool-call-id";
import type { Nano } from "@/lib/money";

/** A whole translated answer: `choices`, `message` and `usage` with every key that strict clients look for. */
export function renderCompletion(
  call: Pick<Conversation, "body">,
  result: LanguageModelV4GenerateResult,
  {
    identity,
    provider,
    usage,
    price,
  }: { identity: AnswerIdentity; provider: string; usage: Usage; price: Nano | null },
) {
  const text = result.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("");
  const style = reasoningStyle(call, provider);
  const thoughts = result.content.flatMap((part) => (part.type === "reasoning" ? [part] : []));
  const details = new ReasoningDetails(style);
  thoughts.forEach((thought, index) => {
    details.add(String(index), thought.text, thought.providerMetadata);
  });
  const toolCalls = result.content.flatMap((part) =>
    part.type === "tool-call"
      ? [
          {
            id: withState(part.toolCallId, provider, part.providerMetadata),
            type: "function",
            function: { name: part.toolName, arguments: part.input || "{}" },
          },
        ]
      : [],
  );
  const images = result.content.flatMap((part) => (part.type === "file" ? [part] : [])).map(imageOf);
  const finish = finishReasonOf(result.finishReason, toolCalls.length > 0);
  return {
    id: identity.id,
    object: "chat.completion",
    created: identity.created,
    model: identity.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: text || (toolCalls.length > 0 ? null : ""),
          refusal: null,
          ...style.say(thoughts.map(({ text: thought }) => thought).join("")),
          ...details.take(),
          ...(images.length > 0 && { images }),
          ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
        },
        logprobs: null,
        finish_reason: finish,
        ...(result.finishReason.raw !== undefined && { native_finish_reason: result.finishReason.raw }),
      },
    ],
    usage: chatUsage(usage, price),
  };
}

/** Turns stream parts into chat chunks in the order strict clients need: the role once and first, tool calls with dense
 *  indexes, id and name once, exactly one finish reason, usage only when asked. */
export class ChunkRenderer implements StreamRenderer {
  private readonly toolIndex = new Map<string, number>();
  private readonly withDeltas = new Set<string>();
  private readonly includeUsage: boolean;
  private readonly style: ReasoningStyle;
  private readonly details: ReasoningDetails;
  private hasRole = false;
  private images = 0;

  constructor(
    call: Pick<Conversation, "body" | "includeUsage">,
    private readonly answer: { identity: AnswerIdentity; provider: string },
  ) {
    this.includeUsage = call.includeUsage;
    this.style = reasoningStyle(call, answer.provider);
    this.details = new ReasoningDetails(this.style);
  }

  /** The frames for one part; empty for parts that chat has no words for. */
  part(part: LanguageModelV4StreamPart): string {
    switch (part.type) {
      case "text-delta":
        return part.delta === "" ? "" : this.delta({ content: part.delta });
      case "reasoning-start":
        this.details.add(part.id, "", part.providerMetadata);
        return "";
      case "reasoning-delta":
        this.details.add(part.id, part.delta, part.providerMetadata);
        return this.deltaOf(this.style.say(part.delta));
      case "reasoning-end":
        this.details.add(part.id, "", part.providerMetadata);
        return this.deltaOf(this.details.take(part.id));
      case "tool-input-start":
        return this.openTool(part.id, withState(part.id, this.answer.provider, part.providerMetadata), part.toolName);
      case "tool-input-delta":
        if (part.delta !== "") this.withDeltas.add(part.id);
        return this.toolInput(part.id, part.delta);
      case "tool-call":
        return this.wholeTool(part);
      case "file":
        return this.delta({ images: [imageOf(part, this.images++)] });
      default:
        return "";
    }
  }

  finish(reason: LanguageModelV4FinishReason, usage: Usage, price: Nano | null): string {
    // some modules end their reasoning only with the stream
    const late = this.deltaOf(this.details.take());
    const last = late + this.role() + this.choice({}, finishReasonOf(reason, this.toolIndex.size > 0), reason.raw);
    const used = dataFrame({ ...this.base(), choices: [], usage: chatUsage(usage, price) });
    return last + (this.includeUsage ? used : "") + DONE_FRAME;
  }

  private deltaOf(delta: object): string {
    return Object.keys(delta).length === 0 ? "" : this.delta(delta);
  }

  private delta(delta: object): string {
    return this.role() + this.choice(delta, null);
  }

  private role(): string {
    if (this.hasRole) return "";
    this.hasRole = true;
    return this.choice({ role: "assistant", content: "", refusal: null }, null);
  }

  private openTool(id: string, sentId: string, name: string): string {
    const index = this.toolIndex.size;
    this.toolIndex.set(id, index);
    return this.delta({ tool_calls: [{ index, id: sentId, type: "function", function: { name, arguments: "" } }] });
  }

  private toolInput(id: string, input: string): string {
    const index = this.toolIndex.get(id);
    return index === undefined || input === ""
      ? ""
      : this.delta({ tool_calls: [{ index, function: { arguments: input } }] });
  }

  /** A call without deltas yields its whole input; after deltas the final copy says nothing new. */
  private wholeTool({ toolCallId: id, toolName, input, providerMetadata }: LanguageModelV4ToolCall): string {
    if (this.withDeltas.has(id)) return "";
    const sentId = withState(id, this.answer.provider, providerMetadata);
    return (this.toolIndex.has(id) ? "" : this.openTool(id, sentId, toolName)) + this.toolInput(id, input || "{}");
  }

  private choice(delta: object, finishReason: string | null, native?: string): string {
    return dataFrame({
      ...this.base(),
      choices: [
        {
          index: 0,
          delta,
          logprobs: null,
          finish_reason: finishReason,
          ...(native !== undefined && { native_finish_reason: native }),
        },
      ],
    });
  }

  private base() {
    return {
      id: this.answer.identity.id,
      object: "chat.completion.chunk",
      created: this.answer.identity.created,
      model: this.answer.identity.model,
    };
  }
}

/** A picture of an answer, as OpenRouter words it. */
function imageOf({ mediaType, data }: LanguageModelV4File, index: number) {
  const url =
    data.type === "url"
      ? data.url.href
      : `data:${mediaType};base64,${typeof data.data === "string" ? data.data : Buffer.from(data.data).toString("base64")}`;
  return { index, type: "image_url", image_url: { url } };
}

const FINISH_REASONS: Record<LanguageModelV4FinishReason["unified"], string> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
  error: "stop",
  interrupted: "stop",
  other: "stop",
};

function finishReasonOf(reason: LanguageModelV4FinishReason, hasToolCalls: boolean): string {
  const mapped = FINISH_REASONS[reason.unified];
  return mapped === "stop" && hasToolCalls ? "tool_calls" : mapped;
}
