import { describe, expect, it, test } from "vitest";
import {
  makeCredentialValue,
  makeHealth,
  makeModelValue,
  makeOfferValue,
  makeProviderValue,
} from "@/e2e/support/gateway-values";
import type { Capabilities } from "@/lib/catalog/capabilities";
import type { JsonObject } from "@/lib/gateway/json-body";
import { routeOf } from "@/lib/gateway/routing/candidates";
import { takeHints } from "@/lib/gateway/routing/hints";
import { lacking, type Need, needsOf } from "@/lib/gateway/routing/needs";

const say = (content: unknown) => ({ messages: [{ role: "user", content }] });

describe("what a request needs", () => {
  it.each<[string, JsonObject, Need[]]>([
    ["text", say("hello"), []],
    ["parts of text", say([{ type: "text", text: "hello" }]), []],
    ["a chat image", say([{ type: "image_url", image_url: { url: "data:," } }]), ["input:image"]],
    ["a Responses image", { input: [{ role: "user", content: [{ type: "input_image" }] }] }, ["input:image"]],
    ["an image a function gave back", { input: [{ output: [{ type: "input_image" }] }] }, ["input:image"]],
    ["a Messages document", say([{ type: "document", source: { type: "base64" } }]), ["input:file"]],
    ["a document of text", say([{ type: "document", source: { type: "text", data: "x" } }]), []],
    ["an image in a tool result", say([{ type: "tool_result", content: [{ type: "image" }] }]), ["input:image"]],
    ["sound", say([{ type: "input_audio" }]), ["input:audio"]],
    ["a spoken answer", { ...say("hi"), modalities: ["text", "audio"] }, ["output:audio"]],
    ["tools", { ...say("hi"), tools: [{}] }, ["tools"]],
    ["no tools", { ...say("hi"), tools: [] }, []],
    ["a schema in chat", { ...say("hi"), response_format: { type: "json_schema" } }, ["structured_output"]],
    ["JSON of any kind", { ...say("hi"), response_format: { type: "json_object" } }, []],
    ["a schema in Responses", { input: "hi", text: { format: { type: "json_schema" } } }, ["structured_output"]],
    ["a schema in Messages", { ...say("hi"), output_format: { type: "json_schema" } }, ["structured_output"]],
    ["nonsense", { messages: [null, { content: [null, 3] }], input: 4, tools: "x", response_format: 7 }, []],
  ])("%s", (_title, body, needs) => {
    expect(needsOf(body)).toEqual(needs);
  });
});

describe("what is known not to be met", () => {
  it.each<[Need, Capabilities | null, Capabilities | null, Need | null]>([
    ["input:image", null, null, null],
    ["input:image", {}, null, null],
    ["input:image", { output: ["text"] }, null, null],
    ["input:image", { input: ["text"] }, null, "input:image"],
    ["input:image", { input: ["text", "image"] }, null, null],
    ["input:image", { input: ["text", "image"] }, { input: ["text"] }, "input:image"],
    ["input:image", { input: ["text"] }, { input: ["text", "image"] }, null],
    ["tools", { input: ["text"] }, null, null],
    ["tools", { features: [] }, null, "tools"],
    ["structured_output", { features: ["tools"] }, null, "structured_output"],
  ])("%s of model %j, offer %j: %s", (need, model, offer, expected) => {
    expect(lacking([need], model, offer)).toBe(expected);
  });
});

describe("candidates are narrowed", () => {
  const offer = (id: string, given = {}) => makeOfferValue({ id, priority: Number(id), ...given });
  const route = (offers: ReturnType<typeof offer>[], options = {}) => {
    const base = { affinity: null, random: () => 0.5, health: makeHealth() };
    const { plan, considered } = routeOf(makeModelValue({ offers }), { ...base, ...options });
    return {
      called: plan.map(([first]) => first?.offer.id),
      passed: considered.flatMap(({ offer: { id }, reason }) => (reason ? [[id, reason]] : [])),
    };
  };
  const at = (slug: string, kind = "openai-compatible") => ({ provider: makeProviderValue({ slug, kind }) });

  test("to those that can", () => {
    const offers = [offer("1", { capabilities: { input: ["text"] } }), offer("2")];
    expect(route(offers, { needs: ["input:image"] })).toEqual({ called: ["2"], passed: [["1", "lacks:input:image"]] });
  });

  test("to those whose window takes the input, unless none does", () => {
    const offers = [offer("1", { contextWindow: 1_000 }), offer("2")];
    const passed = [["1", "context_too_short"]];
    expect(route(offers, { fits: (window: number) => window >= 50_000 })).toEqual({ called: ["2"], passed });
    expect(route(offers, { fits: () => false })).toEqual({ called: ["1", "2"], passed: [] });
  });

  it.each<[object, string[], string[]]>([
    [{ order: ["b"] }, ["2", "1", "3"], []],
    [{ order: ["c", "A"] }, ["3", "1", "2"], []],
    [{ order: ["b"], allow_fallbacks: false }, ["2"], ["no_fallbacks", "no_fallbacks"]],
    [{ allow_fallbacks: false }, ["1"], ["no_fallbacks", "no_fallbacks"]],
    [{ only: ["a", "c"] }, ["1", "3"], ["not_in_only"]],
    [{ only: ["deepseek"] }, ["3"], ["not_in_only", "not_in_only"]],
    [{ ignore: ["a"] }, ["2", "3"], ["ignored"]],
    [{ only: ["zzz"] }, [], ["not_in_only", "not_in_only", "not_in_only"]],
    [{ order: 7, only: "a", ignore: [null] }, ["1", "2", "3"], []],
  ])("by %j to %j", (provider, called, reasons) => {
    const offers = [offer("1", at("a")), offer("2", at("b")), offer("3", at("c", "deepseek"))];
    const found = route(offers, { hints: takeHints({ provider: provider as JsonObject }) });
    expect(found.called).toEqual(called);
    expect(found.passed.map(([, reason]) => reason)).toEqual(reasons);
  });

  test("and everything that is not called has its reason", () => {
    const credentials = [
      makeCredentialValue({ id: "c1" }),
      makeCredentialValue({ id: "c2", weight: 0 }),
      makeCredentialValue({ id: "c3", sealedOrigin: "https://evil.example" }),
    ];
    const offers = [
      offer("1", { weight: 0 }),
      offer("2", { provider: makeProviderValue({ kind: "nothing" }) }),
      offer("3", { provider: makeProviderValue({ credentials: [] }) }),
      offer("4", { provider: makeProviderValue({ credentials }) }),
    ];
    const { called, passed } = route(offers);
    expect(called).toEqual(["4"]);
    expect(passed.toSorted()).toEqual([
      ["1", "drained"],
      ["2", "unknown_kind"],
      ["3", "no_credential"],
      ["4", "credential_drained"],
      ["4", "credential_sealed_elsewhere"],
    ]);
  });
});

describe("hints", () => {
  test("are taken out of the body, and a model may be named by them alone", () => {
    const body: JsonObject = { models: ["a", "b", "a", 3], provider: { ignore: ["X"] }, other: 1 };
    expect(takeHints(body)).toEqual({
      ...{ models: ["b"], order: [], only: null, ignore: ["x"], allowFallbacks: true },
    });
    expect(body).toEqual({ model: "a", other: 1 });
  });

  test("that say nothing are none", () => {
    expect(takeHints({ model: "a", models: ["a"], provider: {} })).toBeNull();
    expect(takeHints({ model: "a", provider: "text" })).toBeNull();
  });
});
