import type { Usage } from "@/lib/billing/usage";
import type { JsonObject } from "@/lib/gateway/json-body";
import { eventData, splitEvents } from "@/lib/gateway/meter/sse";
import { countTokens } from "@/lib/gateway/meter/tokens";
import { countNames } from "@/lib/gateway/usage/named";

/** Text in any language has more bytes than this for each of its tokens, but for rare runs. */
const LEAST_BYTES_PER_TOKEN = 2;

/** Counts the tokens of relayed events, lazily: regions are only kept until somebody asks. A stream that ends with
 *  reported usage is never parsed twice; one that is checkpointed or cut is counted region by region. */
export class RelayTally {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private pendingEvents = 0;
  /** Regions whose events were counted. */
  private scanned = 0;
  /** Bytes of an event beside its text. */
  private frameBytes = 0;
  /** The last event that was counted. */
  lastEvent: JsonObject | null = null;
  private output = 0;
  private reasoning = 0;
  /** Tools that the provider ran, once per call. */
  private readonly ran: string[] = [];

  constructor(
    private readonly inputTokens: () => number,
    private readonly textOf: (event: JsonObject) => { text: string; reasoning: string; ran?: readonly string[] },
  ) {}

  add(region: Buffer): void {
    this.pending.push(region);
    this.pendingBytes += region.length;
  }

  /** An event that was read anyway shows how much of each is not text. */
  learn(event: Buffer, parsed: JsonObject): void {
    const { text, reasoning } = this.textOf(parsed);
    this.frameBytes = Math.max(0, event.length - Buffer.byteLength(text + reasoning));
  }

  /** What the kept regions come to, at most, as far as it can be told without parsing; only as exact as `limit` needs. */
  uncounted(limit: number): number {
    const byBytes = this.pendingBytes / LEAST_BYTES_PER_TOKEN;
    if (byBytes < limit) return byBytes;
    for (; this.scanned < this.pending.length; this.scanned++)
      this.pendingEvents += countEvents(this.pending[this.scanned] as Buffer);
    const textBytes = this.pendingBytes - this.pendingEvents * this.frameBytes;
    return Math.max(this.pendingEvents, textBytes / LEAST_BYTES_PER_TOKEN);
  }

  usage(): Usage {
    for (const region of this.pending) {
      for (const event of splitEvents(region)) this.count(event);
    }
    this.pending = [];
    this.pendingBytes = 0;
    this.pendingEvents = 0;
    this.scanned = 0;
    const toolCalls = countNames(this.ran);
    return {
      ...{ input: this.inputTokens(), output: this.output },
      ...(this.reasoning && { reasoning: this.reasoning }),
      ...(toolCalls && { toolCalls }),
    };
  }

  private count(event: Buffer): void {
    const data = eventData(event);
    if (data === null || data === "[DONE]") return;
    try {
      this.lastEvent = JSON.parse(data) as JsonObject;
      const { text, reasoning, ran = [] } = this.textOf(this.lastEvent);
      this.ran.push(...ran);
      this.output += countTokens(text);
      this.reasoning += countTokens(reasoning);
    } catch {
      // an upstream frame that is not JSON was passed on as it is and holds no countable text
    }
  }
}

function countEvents(region: Buffer): number {
  let events = 0;
  for (let at = region.indexOf("\n\n"); at >= 0; at = region.indexOf("\n\n", at + 2)) events++;
  return events;
}
