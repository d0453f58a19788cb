import type { Usage } from "@/lib/billing/usage";
import type { JsonObject } from "@/lib/gateway/json-body";
import { eventData, splitEvents } from "@/lib/gateway/meter/sse";
import { countTokens } from "@/lib/gateway/meter/tokens";

/** Counts the tokens of relayed events, lazily: regions are only kept until somebody asks. A stream that ends with
 *  reported usage is never parsed twice; one that is checkpointed or cut is counted region by region. */
export class RelayTally {
  private pending: Buffer[] = [];
  private output = 0;
  private reasoning = 0;

  constructor(
    private readonly inputTokens: () => number,
    private readonly textOf: (event: JsonObject) => { text: string; reasoning: string },
  ) {}

  add(region: Buffer): void {
    this.pending.push(region);
  }

  usage(): Usage {
    for (const region of this.pending) {
      for (const event of splitEvents(region)) this.count(event);
    }
    this.pending = [];
    return { input: this.inputTokens(), output: this.output, ...(this.reasoning && { reasoning: this.reasoning }) };
  }

  private count(event: Buffer): void {
    const data = eventData(event);
    if (data === null || data === "[DONE]") return;
    try {
      const { text, reasoning } = this.textOf(JSON.parse(data) as JsonObject);
      this.output += countTokens(text);
      this.reasoning += countTokens(reasoning);
    } catch {
      // an upstream frame that is not JSON was passed on as it is and holds no countable text
    }
  }
}
