import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
});
beforeEach(async () => {
  tenant = await hub.tenant();
});
afterEach(() => hub.assertHealthy(tenant));
afterAll(() => hub.stop());

const messages = [{ role: "user", content: "say some words" }];

/** Scenarios whose streams must come down byte for byte, save the edits of the contract. */
const STREAMS = [
  "text",
  "tools-parallel",
  "tool-no-args",
  "reasoning",
  "length",
  "refusal",
  "empty",
  "usage-every-chunk",
  "usage-on-finish",
  "usage-missing",
  "usage-cached:read=100",
  "no-done",
  "no-finish",
  "split-bytes",
  "split-bytes:size=7",
  "crlf",
  "merged",
  "comments",
  "unknown-events",
];

describe.each(DOORS)("%s door", (door) => {
  const call = async (upstream: string, body: Record<string, unknown>) => {
    hub.openaiTruth.clear();
    const model = await hub.relayModel(upstream);
    const response = await hub.post(door, "/chat/completions", tenant.key, { model, messages, ...body });
    const received = await response.text();
    const record = hub.openaiTruth.last;
    if (!record) throw new Error("nothing reached the upstream");
    await hub.settled(response.headers.get("x-request-id"));
    return { response, received, sent: hub.openaiTruth.sent(record).toString("utf8") };
  };

  test.each(STREAMS)("stream %s, usage asked for: only the cost is added", async (upstream) => {
    const { sent, received } = await call(upstream, { stream: true, stream_options: { include_usage: true } });
    const frames = framesOf(received);
    // where the provider forgot its report, the hub's own stands in
    if (upstream === "usage-missing")
      expect(JSON.parse(payload(frames.splice(-2, 1)[0] ?? ""))).toMatchObject({ choices: [] });
    expect(frames.map(comparable)).toEqual(completed(framesOf(sent)).map(comparable));
    for (const frame of frames.filter(hasUsage))
      expect(JSON.parse(payload(frame)).usage.cost).toEqual(expect.any(Number));
  });

  test.each(STREAMS)("stream %s, usage not asked for: the usage-only frame is gone too", async (upstream) => {
    const { sent, received } = await call(upstream, { stream: true });
    const expected = completed(framesOf(sent)).filter((frame) => !(hasUsage(frame) && frame.includes('"choices":[]')));
    expect(framesOf(received).map(comparable)).toEqual(expected.map(comparable));
  });

  test.each(["text", "tools-parallel", "reasoning", "refusal", "usage-cached:read=100", "usage-missing", "gzip"])(
    "plain %s: the bytes are the upstream's, the cost is added",
    async (upstream) => {
      const { sent, received, response } = await call(upstream, {});
      const answer = JSON.parse(received) as { usage?: { cost?: number } };
      const cost = answer.usage?.cost;
      if (answer.usage) delete answer.usage.cost;
      expect(answer).toEqual(JSON.parse(sent));
      expect(upstream === "usage-missing" ? cost : typeof cost).toBe(
        upstream === "usage-missing" ? undefined : "number",
      );
      const head = sent.indexOf('"usage"') < 0 ? sent : sent.slice(0, sent.indexOf('"usage"'));
      expect(received.startsWith(head)).toBe(true);
      expect(response.headers.get("content-type")).toMatch(/^application\/json/);
      expect(response.headers.get("content-encoding")).toBeNull();
    },
  );

  test.each([true, false])("tools that the provider would run are left out and named, stream %s", async (stream) => {
    const own = { type: "function", function: { name: "f", parameters: {} } };
    const body = { stream, tools: [{ type: "web_search" }, own], web_search_options: {} };
    const { response } = await call("text", body);
    expect(response.headers.get("x-aigne-warnings")).toBe("web_search_options, tools.web_search");
    expect(hub.openaiTruth.last?.body?.tools).toEqual([own]);
    expect(hub.openaiTruth.last?.bodyText).not.toContain("web_search");
  });

  test("streams arrive as they are made, not at the end", async () => {
    const model = await hub.relayModel("trickle:interval=50,tokens=20");
    const response = await hub.post(door, "/chat/completions", tenant.key, { model, messages, stream: true });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    expect(hub.openaiTruth.last?.outcome).toBe("open");
    while (!(await reader.read()).done);
    await hub.settled(response.headers.get("x-request-id"));
  });
});

/** Frames with the blank line that ends them; heartbeats of the hub are no part of the upstream's bytes. */
function framesOf(text: string): string[] {
  return text.split(/(?<=\r?\n\r?\n)/).filter((frame) => frame !== "" && !frame.startsWith(": ping"));
}

function payload(frame: string): string {
  return frame.slice(frame.indexOf("data: ") + 6).trim();
}

function hasUsage(frame: string): boolean {
  return frame.includes('"prompt_tokens"');
}

/** A provider that names a finish reason and forgets the end marker did complete: the hub adds it. */
function completed(frames: string[]): string[] {
  return frames.some((frame) => frame.includes("[DONE]")) ? frames : [...frames, "data: [DONE]\n\n"];
}

/** The frame itself; one that reports usage without the cost; the end marker whatever its line ends. */
function comparable(frame: string): unknown {
  if (frame.includes("[DONE]")) return frame.trim();
  if (!hasUsage(frame)) return frame;
  const chunk = JSON.parse(payload(frame)) as { usage: { cost?: number } };
  delete chunk.usage.cost;
  return chunk;
}
