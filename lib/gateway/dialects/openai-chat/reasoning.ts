import type { SharedV4ProviderMetadata } from "@ai-sdk/provider";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import { packState } from "@/lib/gateway/dialects/provider-state";

/** How a client is told what a model thought. */
export type ReasoningStyle = {
  provider: string;
  /** The client wants none of it. It is billed all the same. */
  isHidden: boolean;
  /** The fields that carry a piece of it; none for an empty one. */
  say(text: string): { reasoning_content?: string; reasoning?: string };
};

/** `reasoning_content`, the name most clients know, and `reasoning` for those that asked with a `reasoning` object. */
export function reasoningStyle({ body }: Pick<Conversation, "body">, provider: string): ReasoningStyle {
  const asked = body.reasoning as { exclude?: unknown } | null | undefined;
  const isHidden = asked?.exclude === true;
  return {
    provider,
    isHidden,
    say: (text) =>
      isHidden || text === ""
        ? {}
        : { reasoning_content: text, ...(asked && typeof asked === "object" && { reasoning: text }) },
  };
}

type Detail = { index: number; text: string; metadata: SharedV4ProviderMetadata | undefined };

/** What a provider signed, for the client to send back with the next turn of a tool loop. Its signature is wrapped with the
 *  provider's name, since another one would refuse it. */
export class ReasoningDetails {
  private readonly open = new Map<string, Detail>();
  private next = 0;

  constructor(private readonly style: ReasoningStyle) {}

  add(id: string, text: string, metadata: SharedV4ProviderMetadata | undefined): void {
    if (this.style.isHidden) return;
    const detail = this.open.get(id) ?? { index: this.next++, text: "", metadata: undefined };
    detail.text += text;
    if (metadata) detail.metadata = { ...detail.metadata, ...metadata };
    this.open.set(id, detail);
  }

  /** The field for what is complete: one block, or all that are left. Nothing where no block is signed. */
  take(id?: string): { reasoning_details?: object[] } {
    const ids = id === undefined ? [...this.open.keys()] : [id];
    const details = ids.flatMap((key): object[] => {
      const detail = this.open.get(key);
      this.open.delete(key);
      const state = detail && packState(this.style.provider, detail.metadata);
      if (!detail || !state) return [];
      const { index, text } = detail;
      return text === ""
        ? [{ index, type: "reasoning.encrypted", data: state }]
        : [{ index, type: "reasoning.text", text, signature: state }];
    });
    return details.length > 0 ? { reasoning_details: details } : {};
  }
}
