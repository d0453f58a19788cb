import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SEED, seededRandom } from "@/e2e/support/property";
import { referenceEvents } from "@/e2e/support/sse-reference";
import { openAIChat } from "@/lib/gateway/dialects/openai-chat/dialect";
import type { JsonObject } from "@/lib/gateway/json-body";
import { openaiCompatible } from "@/lib/gateway/providers/openai-compatible";
import { RelayReader } from "@/lib/gateway/relay-reader";
import { endedEvents } from "@/lib/gateway/sse-end";

const chunk = (content: string, finish: string | null = null) =>
  JSON.stringify({ id: "c", choices: [{ index: 0, delta: { content }, finish_reason: finish }] });
const WORDS = ["Grüße, ", "漢字 ", "👩‍👩‍👧 ", "data: x ", "\\r\\n\n"];
const framed = (end: string, ...data: string[]) => data.map((one) => `data: ${one}${end}${end}`).join("");
const whole = (end: string) => framed(end, ...WORDS.map((word) => chunk(word)), chunk("", "stop"), "[DONE]");

/** Streams as they come from real providers and from what stands in between. */
const CORPUS: Record<string, string | Buffer> = {
  "line feeds, text beyond ASCII": whole("\n"),
  "carriage returns and line feeds": whole("\r\n"),
  "carriage returns": whole("\r"),
  "line ends of several kinds": `${whole("\n").replaceAll("\n\n", () => "\r\n\n")}\n\r\r\n`,
  "an empty line of a carriage return behind a line feed": `data: ${chunk("a")}\n\rdata: ${chunk("", "stop")}\n\n`,
  "a byte order mark": `\ufeff${whole("\n")}`,
  comments: whole("\n").replaceAll("\n\n", "\n\n: keep-alive\n\n:\n\n"),
  "other fields, and none behind the colon": whole("\n").replaceAll(
    /^data: /gm,
    "event: message\nid: 7\nretry: 10\nunknown\ndata:",
  ),
  "no empty line at the end": whole("\n").trimEnd(),
  "no line end at the end and no end marker": framed("\n", chunk("a"), chunk("b", "stop")).trimEnd(),
  "one event of several data lines": `data: {"id":"c",\ndata: "choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n`,
  "a line of 5 MB": framed("\n", chunk("x".repeat(5 * 1024 * 1024)), chunk("", "stop"), "[DONE]"),
  "JSON with room in it": framed("\n", JSON.stringify(JSON.parse(chunk("a", "stop")), null, 1).replaceAll("\n", " ")),
};

/** What a stream's chunks say, up to the end marker. */
function textOf(chunks: readonly JsonObject[]): string {
  return chunks
    .flatMap(({ choices }) => (choices as { delta?: { content?: string } }[]).map(({ delta }) => delta?.content ?? ""))
    .join("");
}

function expectedOf(wire: Buffer): string {
  const events = referenceEvents(wire);
  const end = events.indexOf("[DONE]");
  return textOf(events.slice(0, end < 0 ? undefined : end).map((data) => JSON.parse(data) as JsonObject));
}

/** As the relay scans: every event, or only those that may matter once the answer has begun. */
function relayed(packets: readonly Buffer[], skims: boolean) {
  const chunks: JsonObject[] = [];
  const passed: Buffer[] = [];
  let garbage = 0;
  let done = 0;
  const pass = (bytes: Buffer) => {
    // the relay stops reading at the end marker
    if (done === 0) passed.push(bytes);
  };
  const reader = new RelayReader(
    {
      onEvents: pass,
      onChunk(parsed, event) {
        chunks.push(parsed);
        pass(event);
      },
      onGarbage(event) {
        garbage++;
        pass(event);
      },
      onDone: () => void done++,
    },
    openAIChat.relay?.marker as RegExp,
  );
  if (skims) reader.skim();
  for (const packet of packets) reader.push(packet);
  reader.end();
  return { chunks, garbage, done, bytes: Buffer.concat(passed) };
}

/** As a translated call reads: through the SDK's module. */
async function translated(packets: readonly Buffer[]) {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      for (const packet of packets) controller.enqueue(packet);
      controller.close();
    },
  });
  const headers = { "content-type": "text/event-stream" };
  const fetch = endedEvents(async () => new Response(body, { headers }));
  const settings = { secret: { apiKey: "k" }, baseUrl: "https://upstream.test/v1", region: null, fetch };
  const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "hi" }] }];
  const model = await openaiCompatible.languageModel(settings, "m", { prompt });
  const { stream } = await model.doStream({ prompt });
  let text = "";
  let finish: string | null = null;
  let errors = 0;
  for await (const part of stream) {
    if (part.type === "text-delta") text += part.delta;
    if (part.type === "error") errors++;
    if (part.type === "finish") finish = part.finishReason.unified;
  }
  return { text, finish, errors };
}

function cut(bytes: Buffer, sizeOf: () => number): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, sizeOf());
    packets.push(bytes.subarray(at, at + size));
    at += size;
  }
  return packets;
}

const random = seededRandom(SEED);
/** How a stream may come in packets; large ones only in larger pieces. */
const CHUNKINGS: Record<string, (wire: Buffer) => Buffer[]> = {
  "in one packet": (wire) => [wire],
  "one byte per packet": (wire) => (wire.length > 100_000 ? cut(wire, () => 1_021) : cut(wire, () => 1)),
  "in packets of any size": (wire) => cut(wire, () => Math.ceil(random() * (wire.length > 100_000 ? 90_000 : 90))),
  "two events per packet": (wire) =>
    (wire.toString("latin1").match(/([\s\S]*?\n\n){2}|[\s\S]+$/g) ?? []).map((pair) => Buffer.from(pair, "latin1")),
};

describe.each(Object.entries(CORPUS))("%s", (_name, given) => {
  const wire = Buffer.from(given);
  const expected = expectedOf(wire);

  test.each(Object.entries(CHUNKINGS))("relayed, %s", (_chunking, packetsOf) => {
    const packets = packetsOf(wire);
    const { chunks, garbage, bytes } = relayed(packets, false);
    expect([textOf(chunks) === expected, garbage]).toEqual([true, 0]);
    const skimmed = relayed(packets, true);
    const last = skimmed.chunks.at(-1) as { choices: { finish_reason?: string }[] };
    expect(last.choices[0]?.finish_reason).toBe("stop");
    // nothing is lost on the way, but for the end marker, which has its own way
    const sent = Buffer.concat([wire, Buffer.from("\n\n")]).toString("utf8");
    for (const passed of [bytes, skimmed.bytes]) expect(sent.startsWith(passed.toString("utf8"))).toBe(true);
  });

  test.each(Object.entries(CHUNKINGS))("translated, %s", async (_chunking, packetsOf) => {
    const { text, finish, errors } = await translated(packetsOf(wire));
    expect([text === expected, finish, errors]).toEqual([true, "stop", 0]);
  });
});

describe("invalid JSON", () => {
  const wire = Buffer.from(framed("\n", chunk("a"), '{"broken', chunk("b", "stop"), "[DONE]"));

  test.each(Object.entries(CHUNKINGS))("is told apart, %s", async (_name, packetsOf) => {
    expect(relayed(packetsOf(wire), false)).toMatchObject({ garbage: 1, done: 1, chunks: [{}, {}] });
    expect(await translated(packetsOf(wire))).toMatchObject({ errors: 1 });
  });
});

test("any stream in any packets reads as the reference says", async () => {
  const piece = fc.constantFrom(
    ...[chunk("漢"), chunk("a b"), chunk("👩‍👩‍👧")].map((data) => `data: ${data}`),
    ...[": comment", "event: x", "id: 1", "", "", ""],
  );
  const stream = fc.record({
    lines: fc.array(piece, { maxLength: 30 }),
    end: fc.constantFrom("\n", "\r\n", "\r"),
    mark: fc.constantFrom("", "\ufeff"),
    sizes: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 50 }),
  });
  await fc.assert(
    fc.asyncProperty(stream, async ({ lines, end, mark, sizes }) => {
      const events = lines.map((line) => (line.startsWith("data") ? line + end : line) + end).join("");
      const wire = Buffer.from(mark + events + framed(end, chunk("", "stop"), "[DONE]"));
      let at = 0;
      const packets = cut(wire, () => sizes[at++ % sizes.length] as number);
      const expected = expectedOf(wire);
      expect(textOf(relayed(packets, false).chunks)).toBe(expected);
      expect(await translated(packets)).toEqual({ text: expected, finish: "stop", errors: 0 });
    }),
    { numRuns: 300 },
  );
});
