import { describe, expect, it, test } from "vitest";
import { AppError } from "@/lib/errors";
import { contentOf, errorFrame } from "@/lib/gateway/dialects/openai-chat/frames";

const delta = (fields: unknown) => ({ choices: [{ index: 0, delta: fields, finish_reason: null }] });
const nothing = { text: "", reasoning: "", hasContent: false };

describe("what of a chunk is content", () => {
  it.each<[string, object, Partial<typeof nothing>]>([
    ["text", delta({ content: "a" }), { text: "a", hasContent: true }],
    ["a refusal", delta({ refusal: "no" }), { text: "no", hasContent: true }],
    ["reasoning", delta({ reasoning_content: "hm" }), { reasoning: "hm", hasContent: true }],
    ["reasoning by its other name", delta({ reasoning: "hm" }), { reasoning: "hm", hasContent: true }],
    [
      "a tool call",
      delta({ tool_calls: [{ function: { name: "f", arguments: '{"a"' } }, { function: { arguments: ":1}" } }] }),
      { text: 'f{"a":1}', hasContent: true },
    ],
    ["audio", delta({ audio: { data: "AAAA" } }), { hasContent: true }],
    ["an image", delta({ images: [{ index: 0 }] }), { hasContent: true }],
    ["a finish reason", { choices: [{ delta: {}, finish_reason: "stop" }] }, { hasContent: true }],
    ["a whole answer", { choices: [{ message: { content: "a", tool_calls: [] } }] }, { text: "a", hasContent: true }],
    [
      "every choice",
      { choices: [{ delta: { content: "a" } }, { delta: { content: "b" } }] },
      { text: "ab", hasContent: true },
    ],
    ["not the role", delta({ role: "assistant", content: "" }), {}],
    ["not an empty list of tool calls", delta({ role: "assistant", content: null, tool_calls: [], images: [] }), {}],
    ["not usage", { choices: [], usage: {} }, {}],
  ])("%s", (_title, chunk, content) => {
    expect(contentOf({ ...chunk })).toEqual({ ...nothing, ...content });
  });

  it.each([
    {},
    { choices: null },
    { choices: "x" },
    { choices: [null, 5, "x", []] },
    delta(null),
    delta("x"),
    delta({ content: 5, tool_calls: "x", reasoning_content: {} }),
    delta({ content: [{ type: "text" }] }),
  ])("nonsense is none and does not throw: %j", (chunk) => {
    expect(contentOf({ ...chunk })).toEqual(nothing);
  });

  it.each([{ tool_calls: [null, 5, { function: null }, { function: { name: 5 } }] }])("%j has no text", (fields) => {
    expect(contentOf(delta(fields)).text).toBe("");
  });
});

test("an error after the status is a normal chunk with a finish reason, and no claim of completion", () => {
  const frame = errorFrame(new AppError("upstream_error", "It broke."), { id: "c1", created: 7, model: "m" });
  expect(frame).toMatch(/^data: .*\n\n$/);
  expect(JSON.parse(frame.slice(6))).toEqual({
    id: "c1",
    object: "chat.completion.chunk",
    created: 7,
    model: "m",
    choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: "error" }],
    error: { message: "It broke.", type: "server_error", param: null, code: "upstream_error" },
  });
});
