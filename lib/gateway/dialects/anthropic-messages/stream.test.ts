import "@/e2e/support/property";
import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MessageStream } from "@/lib/gateway/dialects/anthropic-messages/stream";
import { stateFor } from "@/lib/gateway/dialects/provider-state";
import { splitState } from "@/lib/gateway/dialects/tool-call-id";

type Event = {
  type: string;
  index?: number;
  content_block?: { type: string; id?: string; data?: string };
  delta?: { type?: string; text?: string; thinking?: string; partial_json?: string; signature?: string };
};

const identity = { id: "msg_1", created: 7, model: "example/chat" };

function render(parts: LanguageModelV4StreamPart[], provider = "google"): Event[] {
  const stream = new MessageStream({ identity, provider, inputTokens: () => 5 });
  const wire = parts.map((part) => stream.part(part)).join("") + stream.finish(STOP, { output: 1 }, 7n);
  return wire
    .trimEnd()
    .split("\n\n")
    .map((frame) => {
      const [name, data] = frame.split("\ndata: ");
      const event = JSON.parse(data ?? "") as Event;
      expect(name).toBe(`event: ${event.type}`);
      return event;
    });
}
const STOP = { unified: "stop", raw: "stop" } as const;

/** The blocks as a client collects them; fails where they interleave or their indexes have gaps. */
function blocksOf(events: Event[]) {
  const blocks: { type: string; text: string; id: string; signature: string | null }[] = [];
  let open = false;
  for (const { type, index, content_block: start, delta } of events) {
    if (type === "content_block_start") {
      expect([open, index]).toEqual([false, blocks.length]);
      open = true;
      blocks.push({ type: start?.type ?? "", text: "", id: start?.id ?? "", signature: start?.data ?? null });
    } else if (type === "content_block_delta") {
      expect([open, index]).toEqual([true, blocks.length - 1]);
      const block = blocks.at(-1);
      if (block) block.text += delta?.text ?? delta?.thinking ?? delta?.partial_json ?? "";
      if (block && delta?.signature !== undefined) block.signature = delta.signature;
    } else if (type === "content_block_stop") {
      expect([open, index]).toEqual([true, blocks.length - 1]);
      open = false;
    }
  }
  expect(open).toBe(false);
  return blocks;
}

const said = (delta: string, id = "0") => ({ type: "text-delta" as const, id, delta });
const opens = (id: string) => ({ type: "tool-input-start" as const, id, toolName: "weather" });
const adds = (id: string, delta: string) => ({ type: "tool-input-delta" as const, id, delta });
const called = (toolCallId: string, input: string) => ({
  type: "tool-call" as const,
  toolCallId,
  toolName: "weather",
  input,
});

test("an answer without a word is still a whole message", () => {
  expect(render([]).map(({ type }) => type)).toEqual(["message_start", "ping", "message_delta", "message_stop"]);
});

test("text that its module ends only with the stream is over when a tool begins", () => {
  const parts = [said("hi"), opens("a"), adds("a", "{}"), called("a", "{}"), { type: "text-end" as const, id: "0" }];
  expect(blocksOf(render(parts))).toMatchObject([
    { type: "text", text: "hi" },
    { type: "tool_use", text: "{}" },
  ]);
});

test("calls whose fragments interleave come one after the other", () => {
  const parts = [
    opens("a"),
    opens("b"),
    adds("a", "1"),
    adds("b", "2"),
    adds("a", "3"),
    called("b", "2"),
    called("a", "13"),
  ];
  expect(blocksOf(render(parts))).toMatchObject([
    { id: "a", text: "13" },
    { id: "b", text: "2" },
  ]);
});

test("a call without fragments has its whole input", () => {
  expect(blocksOf(render([called("a", '{"city":"Paris"}')]))).toMatchObject([{ id: "a", text: '{"city":"Paris"}' }]);
});

test("thoughts are signed with what their provider wants back, and only it gets that", () => {
  const metadata = { google: { thoughtSignature: "s1" } };
  const [thought] = blocksOf(
    render([
      { type: "reasoning-start", id: "0" },
      { type: "reasoning-delta", id: "0", delta: "hm" },
      { type: "reasoning-end", id: "0", providerMetadata: metadata },
      said("so"),
    ]),
  );
  expect(thought).toMatchObject({ type: "thinking", text: "hm" });
  expect(stateFor("google", thought?.signature)).toEqual(metadata);
  expect(stateFor("bedrock", thought?.signature)).toBeUndefined();
});

test("thoughts without a word are a redacted block", () => {
  const metadata = { bedrock: { redactedData: "r" } };
  const parts = [
    { type: "reasoning-start" as const, id: "0", providerMetadata: metadata },
    { type: "reasoning-end" as const, id: "0" },
  ];
  const [block] = blocksOf(render(parts, "bedrock"));
  expect(block?.type).toBe("redacted_thinking");
  expect(stateFor("bedrock", block?.signature)).toEqual(metadata);
});

test("a signature of a call travels in its id", () => {
  const metadata = { google: { thoughtSignature: "a_b-c.d__e" } };
  const [call] = blocksOf(render([{ ...called("call_1", "{}"), providerMetadata: metadata }]));
  const { id, state } = splitState(call?.id ?? "");
  expect(id).toBe("call_1");
  expect(stateFor("google", state)).toEqual(metadata);
  expect(call?.id).toMatch(/^[\w-]+$/);
});

test("whatever the order of parts, blocks never interleave and nothing is lost", () => {
  const part = fc.oneof(
    fc
      .record({ id: fc.constantFrom("0", "1"), word: fc.string({ minLength: 1 }) })
      .map(({ id, word }) => said(word, id)),
    fc.constantFrom("a", "b", "c").chain((id) => fc.constantFrom(opens(id), adds(id, "x"), called(id, "x"))),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const text = blocksOf(render(parts))
        .filter(({ type }) => type === "text")
        .map((block) => block.text)
        .join("");
      const words = parts.flatMap((one) => (one.type === "text-delta" ? [one.delta] : []));
      expect([...text].sort()).toEqual([...words.join("")].sort());
    }),
  );
});
