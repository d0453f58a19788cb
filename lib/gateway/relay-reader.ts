import type { JsonObject } from "@/lib/gateway/json-body";
import {
  EventSplitter,
  endOfEvent,
  eventData,
  StreamTooLarge,
  startOfEvent,
  withoutMark,
} from "@/lib/gateway/meter/sse";

const MAX_STREAM_BYTES = 256 * 1024 * 1024;

export type StreamEvents = {
  /** Whole events that say nothing the hub must know, as the bytes they are. */
  onEvents(events: Buffer): void;
  /** One chunk; `event` is its bytes. */
  onChunk(chunk: JsonObject, event: Buffer): void;
  /** One event that should hold a chunk and holds no JSON. */
  onGarbage(event: Buffer): void;
  onDone(): void;
};

/** Reads a relayed event stream, whatever its chunking. Until told to skim it parses every event, then only those that may
 *  hold usage, an error, a finish reason or the end. */
export class RelayReader {
  private readonly splitter = new EventSplitter();
  private bytes = 0;
  private stopped = false;
  private isFirst = true;
  private skims = false;

  /** `marker` matches what makes an event worth parsing: one regular expression costs a tenth of one search per marker. */
  constructor(
    private readonly events: StreamEvents,
    private readonly marker: RegExp,
  ) {}

  /** From now on events without a marker are passed on unread. */
  skim(): void {
    this.skims = true;
  }

  /** Nothing more is told, even of what has been read already. */
  stop(): void {
    this.stopped = true;
  }

  /** Throws StreamTooLarge. */
  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.bytes > MAX_STREAM_BYTES) throw new StreamTooLarge("The provider's stream is larger than 256 MB.");
    const region = this.splitter.push(chunk);
    if (region) this.readRegion(region);
  }

  /** The upstream is through: what never got its last blank line counts as an event. */
  end(): void {
    const rest = this.splitter.flush();
    if (rest) this.readRegion(Buffer.concat([rest, Buffer.from("\n\n")]));
  }

  private readRegion(region: Buffer): void {
    // one byte per character, so that positions in the text are positions in the bytes
    const text = region.toString("latin1");
    let from = 0;
    while (from < region.length && !this.stopped) {
      const marked = this.skims ? this.nextMarker(text, from) : from;
      if (marked < 0) return this.events.onEvents(region.subarray(from));
      const start = startOfEvent(region, marked, from);
      if (start > from) this.events.onEvents(region.subarray(from, start));
      from = endOfEvent(region, marked);
      this.readEvent(region.subarray(start, from));
    }
  }

  /** The position of the first marker at or after `from`; -1 for none. */
  private nextMarker(text: string, from: number): number {
    this.marker.lastIndex = from;
    return this.marker.exec(text)?.index ?? -1;
  }

  private readEvent(event: Buffer): void {
    const data = eventData(this.isFirst ? withoutMark(event) : event);
    this.isFirst = false;
    if (data === null) return this.events.onEvents(event);
    if (data === "[DONE]") return this.events.onDone();
    const chunk = parse(data);
    if (chunk) this.events.onChunk(chunk, event);
    else this.events.onGarbage(event);
  }
}

function parse(data: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}
