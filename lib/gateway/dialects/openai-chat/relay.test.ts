import "@/e2e/support/property";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { makeChat } from "@/e2e/support/gateway-values";
import { relayBody } from "@/lib/gateway/dialects/openai-chat/relay";
import { packState } from "@/lib/gateway/dialects/provider-state";
import { withState } from "@/lib/gateway/dialects/tool-call-id";
import type { JsonObject } from "@/lib/gateway/json-body";
import type { ProviderDefinition } from "@/lib/gateway/providers/define";
import { openai } from "@/lib/gateway/providers/openai";
import { openaiCompatible } from "@/lib/gateway/providers/openai-compatible";

const relay = (
  body: JsonObject,
  provider: ProviderDefinition = openaiCompatible,
  maxOutputTokens: number | null = null,
) =>
  JSON.parse(relayBody(makeChat(body), { provider, upstreamModel: "upstream-model", maxOutputTokens })) as JsonObject;

describe("the relayed body", () => {
  test("is the client's with the upstream's model name, whatever else it holds", () => {
    const own = new Set(["model", "messages", "stream", "stream_options", "stop", "tools", "n", "__proto__"]);
    const dependent = new Set(["tool_choice", "parallel_tool_calls", "max_tokens", "max_completion_tokens"]);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }), (extra) => {
        for (const name of [...own, ...dependent]) delete extra[name];
        const messages = [{ role: "user", content: "hi", name: "ann", unknown: extra }];
        expect(relay({ messages, ...extra })).toEqual(
          JSON.parse(JSON.stringify({ ...extra, model: "upstream-model", messages })),
        );
      }),
    );
  });

  test("leaves out what would choose another model, tier or address", () => {
    const body = relay({
      models: ["dear/model"],
      service_tier: "priority",
      web_search_options: {},
      api_base: "http://169.254.169.254",
      provider: { order: ["x"] },
      temperature: 0.5,
    });
    expect(body).toEqual({ model: "upstream-model", messages: body.messages, temperature: 0.5 });
  });

  test("always asks for usage on streams and keeps the client's other stream options", () => {
    expect(relay({ stream: true }).stream_options).toEqual({ include_usage: true });
    expect(
      relay({ stream: true, stream_options: { include_usage: false, include_obfuscation: false } }).stream_options,
    ).toEqual({ include_usage: true, include_obfuscation: false });
    expect(relay({})).not.toHaveProperty("stream_options");
  });

  test("leaves out what another provider signed for an earlier turn, and keeps what this one may know", () => {
    const signed = { google: { thoughtSignature: "sig" } };
    const id = withState("c1", "google", signed);
    const own = { index: 1, type: "reasoning.text", text: "hm", signature: "own" };
    const body = relay({
      messages: [
        { role: "user", content: "what is aigne1?" },
        {
          role: "assistant",
          reasoning_content: "hm",
          reasoning_details: [{ index: 0, type: "reasoning.text", signature: packState("google", signed) }, own],
          tool_calls: [{ id, type: "function", function: { name: "f", arguments: "{}" } }],
        },
        { role: "tool", tool_call_id: id, content: "x" },
      ],
    });
    expect(body.messages).toEqual([
      { role: "user", content: "what is aigne1?" },
      {
        role: "assistant",
        reasoning_content: "hm",
        reasoning_details: [own],
        tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "c1", content: "x" },
    ]);
  });

  describe("token limit", () => {
    it.each<[string, JsonObject, ProviderDefinition, number | null, JsonObject]>([
      ["none", {}, openaiCompatible, null, {}],
      ["the client's name for it", { max_tokens: 5 }, openaiCompatible, 5, { max_tokens: 5 }],
      ["the newer name", { max_completion_tokens: 5 }, openaiCompatible, 5, { max_completion_tokens: 5 }],
      ["lowered to what the hold affords", { max_tokens: 500 }, openaiCompatible, 20, { max_tokens: 20 }],
      ["added where the client gave none", {}, openaiCompatible, 20, { max_tokens: 20 }],
      ["the name this upstream knows", { max_tokens: 5 }, openai, 5, { max_completion_tokens: 5 }],
      ["one of two", { max_tokens: 5, max_completion_tokens: 6 }, openai, 6, { max_completion_tokens: 6 }],
      ["0 means none", { max_tokens: 0 }, openaiCompatible, null, {}],
      ["-1 means none", { max_completion_tokens: -1 }, openai, null, {}],
    ])("%s", (_title, body, provider, limit, sent) => {
      const { max_tokens, max_completion_tokens } = relay(body, provider, limit);
      expect(JSON.parse(JSON.stringify({ max_tokens, max_completion_tokens }))).toEqual(sent);
    });
  });

  test("turns developer into system only where the provider file says so", () => {
    const messages = [
      { role: "developer", content: "d", name: "x" },
      { role: "user", content: "u" },
    ];
    expect(relay({ messages }).messages).toEqual(messages);
    expect(relay({ messages }, { ...openaiCompatible, developerAsSystem: true }).messages).toEqual([
      { role: "system", content: "d", name: "x" },
      { role: "user", content: "u" },
    ]);
  });

  test("leaves the request itself untouched, for the next candidate", () => {
    const chat = makeChat({ stream: true, max_tokens: 5, stream_options: { include_usage: false } });
    const before = structuredClone(chat.body);
    relayBody(chat, { provider: openai, upstreamModel: "x", maxOutputTokens: 3 });
    expect(chat.body).toEqual(before);
  });
});
