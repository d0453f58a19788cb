import { describe, expect, it, test } from "vitest";
import { dropHosted } from "@/lib/gateway/dialects/openai-chat/hosted";
import type { JsonObject } from "@/lib/gateway/json-body";

const own = { type: "function", function: { name: "f" } };
const custom = { type: "custom", custom: { name: "c" } };
const search = { type: "web_search_preview" };

function drop(body: JsonObject): [JsonObject, string[]] {
  const copy = structuredClone(body);
  const warnings = dropHosted(copy);
  return [copy, warnings];
}

describe("what the provider would run and bill apart is dropped and named", () => {
  it.each<[JsonObject, JsonObject, string[]]>([
    [{ tools: [own, search] }, { tools: [own] }, ["tools.web_search_preview"]],
    [
      { tools: [search, search], tool_choice: "auto" },
      { tools: [], tool_choice: "auto" },
      ["tools.web_search_preview"],
    ],
    [{ tools: [{ google_search: {} }, custom] }, { tools: [custom] }, ["tools.undefined"]],
    [{ tools: [{ type: "a\r\nb: c" }] }, { tools: [] }, ["tools.abc"]],
    [
      { tools: [search, own], tool_choice: "required" },
      { tools: [own], tool_choice: "required" },
      ["tools.web_search_preview"],
    ],
    [{ web_search_options: {} }, {}, ["web_search_options"]],
    [{ search_parameters: { mode: "on" }, enable_search: true }, {}, ["search_parameters", "enable_search"]],
    [{ service_tier: "priority" }, {}, ["service_tier"]],
    [{ service_tier: "auto", web_search_options: null, enable_search: false }, {}, []],
  ])("%j", (body, kept, warnings) => {
    expect(drop(body)).toEqual([kept, warnings]);
  });

  test("no client fills the header", () => {
    const tools = Array.from({ length: 1_000 }, (_, i) => ({ type: `${i}`.padStart(100, "x") }));
    expect(dropHosted({ tools }).join(", ").length).toBeLessThan(300);
  });
});

describe("what the client runs stays", () => {
  it.each<JsonObject>([
    {},
    { tools: [own, custom], tool_choice: { type: "custom", custom: { name: "c" } } },
    { tools: [{ function: { name: "f" } }] },
    { tools: [own], tool_choice: { type: "allowed_tools", allowed_tools: { mode: "required", tools: [own] } } },
    { tools: [null, "x"] },
    { tools: "x" },
  ])("%j", (body) => {
    expect(drop(body)).toEqual([body, []]);
  });
});

it.each<[string, JsonObject]>([
  ["one by type", { tools: [own, search], tool_choice: { type: "web_search_preview" } }],
  ["one that is not even listed", { tools: [own], tool_choice: { type: "file_search" } }],
  ["any, where all are", { tools: [search], tool_choice: "required" }],
  [
    "one of some",
    { tools: [own, search], tool_choice: { type: "allowed_tools", allowed_tools: { tools: [own, search] } } },
  ],
])("a choice that insists is refused: %s", (_title, body) => {
  expect(() => dropHosted(body)).toThrow(
    expect.objectContaining({ code: "unsupported_value", status: 400, details: { param: "tool_choice" } }),
  );
});
