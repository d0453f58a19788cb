const LF = 0x0a;
const CR = 0x0d;
/** A single event larger than this is nothing that a model says; a picture in base64 fits. */
export const MAX_EVENT_BYTES = 8 * 1024 * 1024;
/** As far back as the end of an event may begin. */
const LOOK_BACK = 3;

/** An upstream sends more than any answer is long. The message may be shown. */
export class StreamTooLarge extends Error {
  override name = "StreamTooLarge";
}

/** Cuts a byte stream into regions of whole SSE events, whatever the chunking: `push` returns the bytes that end with an
 *  event boundary, and keeps the rest. An event ends with an empty line, and lines end with LF, CR LF or CR. */
export class EventSplitter {
  /** The bytes of an event that is not whole yet: the first `kept` of this buffer, which has room for more. */
  private rest: Buffer = Buffer.alloc(0);
  private kept = 0;

  /** The longest run of whole events now complete; null where none is. Throws StreamTooLarge on an event beyond 8 MB. */
  push(chunk: Buffer): Buffer | null {
    if (this.kept === 0) {
      const end = lastBoundary(chunk, 1);
      this.keep(chunk.subarray(end));
      return end === 0 ? null : chunk.subarray(0, end);
    }
    const before = this.kept;
    this.keep(chunk);
    const bytes = this.rest.subarray(0, this.kept);
    // what came before was searched when it came
    const end = lastBoundary(bytes, Math.max(1, before - LOOK_BACK));
    if (end === 0) return null;
    const rest = bytes.subarray(end);
    this.kept = 0;
    this.rest = Buffer.alloc(0);
    this.keep(rest);
    return bytes.subarray(0, end);
  }

  /** What never got its boundary: some upstreams close without the last blank line. */
  flush(): Buffer | null {
    const rest = this.kept === 0 ? null : this.rest.subarray(0, this.kept);
    this.kept = 0;
    return rest;
  }

  private keep(bytes: Buffer): void {
    const length = this.kept + bytes.length;
    if (length > MAX_EVENT_BYTES) throw new StreamTooLarge("The provider sent an event larger than 8 MB.");
    if (this.kept === 0) this.rest = bytes;
    else {
      // the buffer may be the packet's own, which ends where it ends
      if (length > this.rest.length) {
        const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.rest.length));
        this.rest.copy(grown, 0, 0, this.kept);
        this.rest = grown;
      }
      bytes.copy(this.rest, this.kept);
    }
    this.kept = length;
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

/** The byte order mark that a stream may begin with, which is no part of its first event. */
export function withoutMark(event: Buffer): Buffer {
  return event[0] === 0xef && event[1] === 0xbb && event[2] === 0xbf ? event.subarray(3) : event;
}

/** The joined `data:` lines of one event; null where it has none (comments, `event:` only). */
export function eventData(event: Buffer): string | null {
  const text = event.toString("utf8");
  if (text.startsWith("data: ") && !text.includes("\r") && text.indexOf("\n") === text.trimEnd().length)
    return text.slice(6).trimEnd();
  let data: string | null = null;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (!line.startsWith("data:")) continue;
    const value = line.charCodeAt(5) === 0x20 ? line.slice(6) : line.slice(5);
    data = data === null ? value : `${data}\n${value}`;
  }
  return data;
}

/** Where the last event ends whose boundary ends at `from` or behind it; 0 for none. */
function lastBoundary(bytes: Buffer, from: number): number {
  for (let i = bytes.length - 1; i >= from; i--) {
    if (boundaryEndingAt(bytes, i)) return i + 1;
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
  if (bytes[i] !== CR) return false;
  // behind LF, a CR alone is an empty line, and CR LF one as well: which it is, the next byte tells
  return bytes[i - 1] === CR || (bytes[i - 1] === LF && i + 1 < bytes.length && bytes[i + 1] !== LF);
}
