const LF = 0x0a;
const CR = 0x0d;
/** A single event larger than this is not a chat chunk. */
export const MAX_EVENT_BYTES = 4 * 1024 * 1024;

/** An upstream sends more than any answer is long. The message may be shown. */
export class StreamTooLarge extends Error {
  override name = "StreamTooLarge";
}

/** Cuts a byte stream into regions of whole SSE events, whatever the chunking: `push` returns the bytes that end with an
 *  event boundary, and keeps the rest. Events end with LF LF, CR LF CR LF or CR CR. */
export class EventSplitter {
  private rest: Buffer | null = null;

  /** The longest run of whole events now complete; null where none is. Throws StreamTooLarge on an event beyond 4 MB. */
  push(chunk: Buffer): Buffer | null {
    const bytes = this.rest ? Buffer.concat([this.rest, chunk]) : chunk;
    const end = lastBoundary(bytes);
    this.rest = end === bytes.length ? null : bytes.subarray(end);
    if (this.rest && this.rest.length > MAX_EVENT_BYTES)
      throw new StreamTooLarge("The provider sent an event larger than 4 MB.");
    return end === 0 ? null : bytes.subarray(0, end);
  }

  /** What never got its boundary: some upstreams close without the last blank line. */
  flush(): Buffer | null {
    const rest = this.rest;
    this.rest = null;
    return rest;
  }
}

/** Where the event that begins at `start` ends, its boundary included. */
export function endOfEvent(region: Buffer, start: number): number {
  return nextBoundary(region, start);
}

/** Where the event begins that the byte at `inside` belongs to; not before `from`. */
export function startOfEvent(region: Buffer, inside: number, from: number): number {
  for (let i = inside - 1; i > from; i--) {
    if ((region[i] === LF || region[i] === CR) && boundaryEndingAt(region, i)) return i + 1;
  }
  return from;
}

/** The events of a region, each with its boundary. */
export function splitEvents(region: Buffer): Buffer[] {
  const events: Buffer[] = [];
  let start = 0;
  while (start < region.length) {
    const end = nextBoundary(region, start);
    events.push(region.subarray(start, end));
    start = end;
  }
  return events;
}

/** The joined `data:` lines of one event; null where it has none (comments, `event:` only). */
export function eventData(event: Buffer): string | null {
  const text = event.toString("utf8");
  if (text.startsWith("data: ") && text.indexOf("\n") === text.trimEnd().length) return text.slice(6).trimEnd();
  let data: string | null = null;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (!line.startsWith("data:")) continue;
    const value = line.charCodeAt(5) === 0x20 ? line.slice(6) : line.slice(5);
    data = data === null ? value : `${data}\n${value}`;
  }
  return data;
}

function lastBoundary(bytes: Buffer): number {
  for (let i = bytes.length - 1; i > 0; i--) {
    const end = boundaryEndingAt(bytes, i);
    if (end) return i + 1;
  }
  return 0;
}

function nextBoundary(bytes: Buffer, start: number): number {
  for (let i = start + 1; i < bytes.length; i++) {
    if ((bytes[i] === LF || bytes[i] === CR) && boundaryEndingAt(bytes, i)) return i + 1;
  }
  return bytes.length;
}

function boundaryEndingAt(bytes: Buffer, i: number): boolean {
  if (bytes[i] === LF) {
    if (bytes[i - 1] === LF) return true;
    return bytes[i - 1] === CR && bytes[i - 2] === LF;
  }
  return bytes[i] === CR && bytes[i - 1] === CR;
}
