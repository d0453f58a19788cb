import "@/e2e/support/property";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import {
  EventSplitter,
  endOfEvent,
  eventData,
  MAX_EVENT_BYTES,
  StreamTooLarge,
  splitEvents,
  startOfEvent,
} from "@/lib/gateway/meter/sse";

/** The events' data in order; what has none is left out. */
function read(chunks: readonly Buffer[]): string[] {
  const splitter = new EventSplitter();
  const regions = chunks.map((chunk) => splitter.push(chunk));
  regions.push(splitter.flush());
  return regions
    .flatMap((region) => (region ? splitEvents(region) : []))
    .map(eventData)
    .filter((data) => data !== null);
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set([0, ...places.map((place) => place % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

const text = fc
  .oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("é", "漢字", "👩‍👩‍👧", "data:", "a: b", " x ", "\\n"))
  .map(
    // a line break would end the field
    (value) => value.replace(/[\r\n]/g, ""),
  );
const newline = fc.constantFrom("\n", "\r\n", "\r");
const sseEvent = fc.record({
  before: fc.constantFrom("", ": ping", "event: message", "id: 7", "retry: 10"),
  data: fc.array(text, { minLength: 1, maxLength: 3 }),
  space: fc.constantFrom("", " "),
});

describe("whatever the chunking, the events are the same", () => {
  test("for LF, CR LF and CR alone, inside UTF-8 and between CR and LF", () => {
    fc.assert(
      fc.property(
        fc.array(sseEvent, { minLength: 1, maxLength: 6 }),
        newline,
        fc.array(fc.nat(2_000), { maxLength: 20 }),
        (events, end, places) => {
          const wire = events
            .map(
              ({ before, data, space }) =>
                `${before ? before + end : ""}${data.map((line) => `data:${space || (line.startsWith(" ") ? " " : "")}${line}${end}`).join("")}${end}`,
            )
            .join("");
          expect(read(cut(Buffer.from(wire), places))).toEqual(events.map(({ data }) => data.join("\n")));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("byte by byte", () => {
    const wire = Buffer.from('data: {"a":"漢"}\r\n\r\n: ping\r\n\r\ndata: [DONE]\r\n\r\n');
    expect(read([...wire].map((byte) => Buffer.from([byte])))).toEqual(['{"a":"漢"}', "[DONE]"]);
  });

  test("nothing is lost or changed: the regions are the input", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300), { maxLength: 10 }), (bytes, places) => {
        // plenty of line ends among the bytes
        const wire = Buffer.from(bytes.map((byte) => (byte < 64 ? 10 : byte < 100 ? 13 : byte)));
        const splitter = new EventSplitter();
        const regions = cut(wire, places).flatMap((chunk) => splitter.push(chunk) ?? []);
        const whole = Buffer.concat([...regions, splitter.flush() ?? Buffer.alloc(0)]);
        return whole.equals(wire) && Buffer.concat(splitEvents(wire)).equals(wire);
      }),
    );
  });
});

test("the event around any byte is found without reading the others", () => {
  fc.assert(
    fc.property(
      fc.array(text, { minLength: 1, maxLength: 8 }),
      fc.constantFrom("\n\n", "\r\n\r\n", "\r\r"),
      (data, end) => {
        const events = data.map((value) => Buffer.from(`data: ${value}${end}`));
        const region = Buffer.concat(events);
        let start = 0;
        for (const event of events) {
          for (let inside = start; inside < start + event.length; inside++) {
            expect(startOfEvent(region, inside, 0)).toBe(start);
            expect(startOfEvent(region, inside, start)).toBe(start);
          }
          expect(endOfEvent(region, start)).toBe(start + event.length);
          start += event.length;
        }
      },
    ),
  );
});

describe("the splitter", () => {
  test("hands out only whole events and keeps the rest", () => {
    const splitter = new EventSplitter();
    expect(splitter.push(Buffer.from("data: a\n"))).toBeNull();
    expect(splitter.push(Buffer.from("\ndata: b\n\ndata: c"))?.toString()).toBe("data: a\n\ndata: b\n\n");
    expect(splitter.push(Buffer.from("\n\n"))?.toString()).toBe("data: c\n\n");
    expect(splitter.flush()).toBeNull();
  });

  test("gives back what never got its blank line", () => {
    const splitter = new EventSplitter();
    splitter.push(Buffer.from("data: a\n\ndata: [DONE]\n"));
    expect(splitter.flush()?.toString()).toBe("data: [DONE]\n");
    expect(splitter.flush()).toBeNull();
  });

  test("refuses an event beyond 8 MB instead of collecting it", () => {
    const splitter = new EventSplitter();
    splitter.push(Buffer.alloc(MAX_EVENT_BYTES, "x"));
    expect(() => splitter.push(Buffer.from("x"))).toThrow(StreamTooLarge);
  });

  test("many events may be larger together", () => {
    const splitter = new EventSplitter();
    const event = Buffer.concat([Buffer.from("data: "), Buffer.alloc(MAX_EVENT_BYTES - 100, "x"), Buffer.from("\n\n")]);
    expect(splitter.push(Buffer.concat([event, event, event]))?.length).toBe(3 * event.length);
  });
});

describe("data of an event", () => {
  it.each([
    ["data: a\n\n", "a"],
    ["data:a\n\n", "a"],
    ["data:  a\n\n", " a"],
    ["data: a \n\n", "a "],
    ["data: a\ndata: b\n\n", "a\nb"],
    ["event: x\ndata: a\n\n", "a"],
    ["data: a\nid: 1\n\n", "a"],
    ["data:\n\n", ""],
    ["data: a\rdata: b\r\r", "a\nb"],
    [": ping\n\n", null],
    ["event: x\n\n", null],
    ["database: x\n\n", null],
    ["\n", null],
  ])("%j", (event, data) => {
    expect(eventData(Buffer.from(event))).toBe(data);
  });
});
