import type {
  LanguageModelV4Content,
  LanguageModelV4File,
  LanguageModelV4FinishReason,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";
import type { Usage } from "@/lib/billing/usage";
import type { AppError } from "@/lib/errors";
import { aigneUsage } from "@/lib/gateway/dialects/aigne/usage";
import { type Block, BlockSequence, type BlockWriter } from "@/lib/gateway/dialects/block-sequence";
import type { AnswerIdentity, Conversation, StreamRenderer } from "@/lib/gateway/dialects/dialect";
import { packState } from "@/lib/gateway/dialects/provider-state";
import { withState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { Nano } from "@/lib/money";

/** An SSE comment: keeps the connection and our count of a stream going where the protocol has nothing to say yet. */
const SILENCE = ": \n\n";

/** A whole translated answer. `provider` is the kind that made it: its signatures go back to it alone. */
export function renderAnswer(
  call: Conversation,
  result: LanguageModelV4GenerateResult,
  answer: { identity: AnswerIdentity; provider: string; usage: Usage; price: Nano | null },
): JsonObject {
  const said = new Said(answer.provider);
  for (const part of result.content) said.take(part);
  return {
    ...(wantsJson(call) ? said.json() : said.text !== "" && { text: said.text }),
    ...(said.thoughts !== "" && { thoughts: said.thoughts }),
    ...(said.calls.length > 0 && { toolCalls: said.calls }),
    ...(said.files.length > 0 && { files: said.files }),
    ...ending(answer.identity, answer.provider, answer.usage, answer.price),
  };
}

/** Turns stream parts into deltas: text and thoughts as they come, each tool call when it is complete, JSON at the end. */
export class DeltaRenderer implements StreamRenderer, BlockWriter {
  private readonly blocks = new BlockSequence(this);
  private readonly said: Said;
  private readonly isJson: boolean;

  constructor(
    call: Conversation,
    private readonly answer: { identity: AnswerIdentity; provider: string },
  ) {
    this.said = new Said(answer.provider);
    this.isJson = wantsJson(call);
  }

  part(part: LanguageModelV4StreamPart): string {
    if (part.type !== "file") return this.blocks.part(part);
    this.said.take(part);
    return jsonDelta({ files: this.said.files });
  }

  finish(_reason: LanguageModelV4FinishReason, usage: Usage, price: Nano | null): string {
    const rest = this.blocks.finish();
    const { identity, provider } = this.answer;
    return rest + jsonDelta({ ...(this.isJson && this.said.json()), ...ending(identity, provider, usage, price) });
  }

  open(_block: Block): string {
    return "";
  }

  delta(block: Block, text: string): string {
    if (block.kind === "tool") return SILENCE;
    if (block.kind === "reasoning") return textDelta({ thoughts: text });
    if (!this.isJson) return textDelta({ text });
    this.said.text += text;
    return SILENCE;
  }

  close(block: Block): string {
    if (block.kind === "reasoning") this.said.sign(block.text, block.metadata);
    if (block.kind !== "tool") return "";
    this.said.call(block.id, block.name, block.text, block.metadata);
    return jsonDelta({ toolCalls: this.said.calls });
  }
}

/** A stream's failure after its status was sent; the client throws the message. */
export function failureFrame({ message }: AppError): string {
  return `event: error\ndata: ${JSON.stringify({ message })}\n\n`;
}

/** What an answer has said so far, in the protocol's shapes. */
class Said {
  text = "";
  thoughts = "";
  readonly calls: JsonObject[] = [];
  readonly files: JsonObject[] = [];
  private readonly signed: JsonObject[] = [];

  constructor(private readonly provider: string) {}

  take(part: LanguageModelV4Content): void {
    if (part.type === "text") this.text += part.text;
    else if (part.type === "reasoning") {
      this.thoughts += part.text;
      this.sign(part.text, part.providerMetadata);
    } else if (part.type === "file") this.files.push(fileOf(part));
    else if (part.type === "tool-call") this.call(part.toolCallId, part.toolName, part.input, part.providerMetadata);
  }

  sign(text: string, metadata: SharedV4ProviderMetadata | undefined): void {
    const { provider } = this;
    this.signed.push({ type: "reasoning.text", text, signature: packState(provider, metadata ?? { [provider]: {} }) });
  }

  /** The protocol has a place for the provider's own only on a call: what was thought before the first rides on it. */
  call(id: string, name: string, input: string, metadata: SharedV4ProviderMetadata | undefined): void {
    const signed = this.calls.length === 0 ? this.signed : [];
    this.calls.push({
      id: withState(id, this.provider, metadata),
      type: "function",
      function: { name, arguments: parseArguments(input) },
      ...(signed.length > 0 && { metadata: { reasoning_details: signed } }),
    });
  }

  /** The parsed text; the text itself where the model broke off inside it, so that nobody mistakes it for the answer. */
  json(): JsonObject {
    if (this.text.trim() === "") return {};
    try {
      return { json: JSON.parse(this.text) as unknown };
    } catch {
      return { text: this.text };
    }
  }
}

function fileOf({ mediaType: mimeType, data }: LanguageModelV4File): JsonObject {
  if (data.type === "url") return { type: "url", url: data.url.href, mimeType };
  const bytes = typeof data.data === "string" ? data.data : Buffer.from(data.data).toString("base64");
  return { type: "file", data: bytes, mimeType };
}

function wantsJson({ body }: Conversation): boolean {
  return body.response_format !== undefined;
}

function ending({ id, model }: AnswerIdentity, provider: string, usage: Usage, price: Nano | null): JsonObject {
  const modelWithProvider = model.includes("/") ? model : `${provider}/${model}`;
  return { usage: aigneUsage(usage, price, id), model, modelWithProvider };
}

function parseArguments(input: string): unknown {
  try {
    return JSON.parse(input || "{}");
  } catch {
    // the model broke off inside its arguments; the client's own schema check says so
    return { _raw: input };
  }
}

function textDelta(text: Record<string, string>): string {
  return frame({ delta: { text } });
}

function jsonDelta(json: JsonObject): string {
  return frame({ delta: { json } });
}

function frame(event: JsonObject): string {
  return `data: ${JSON.stringify(event)}\n\n`;
}
