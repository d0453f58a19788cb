import { expect, it } from "vitest";
import { makeChat } from "@/e2e/support/gateway-values";
import { openAIResponses } from "@/lib/gateway/dialects/openai-responses/dialect";
import { dropHosted } from "@/lib/gateway/dialects/openai-responses/hosted";
import type { JsonObject } from "@/lib/gateway/json-body";

const own = { type: "function", name: "f" };
const search = { type: "web_search" };
const hostedShell = { type: "shell", environment: { type: "container_reference", container_id: "cntr_1" } };
const shell = { type: "shell", environment: { type: "local" } };

it.each<[string, JsonObject, JsonObject, string[]]>([
  ["a search", { tools: [own, search] }, { tools: [own] }, ["tools.web_search"]],
  [
    "a shell in the provider's container",
    { tools: [hostedShell, shell, { type: "shell" }] },
    { tools: [shell, { type: "shell" }] },
    ["tools.shell"],
  ],
  [
    "tools that items of the conversation bring",
    { input: [{ role: "user" }, { type: "additional_tools", role: "developer", tools: [own, search] }, null] },
    { input: [{ role: "user" }, { type: "additional_tools", role: "developer", tools: [own] }, null] },
    ["tools.web_search"],
  ],
  [
    "what needs something of the hub's account at the provider, in spite of its name",
    { tools: [own, { type: "web_search_of_mine" }, { type: "file_search", vector_store_ids: ["vs_1"] }] },
    { tools: [own] },
    ["tools.web_search_of_mine", "tools.file_search"],
  ],
])("what the provider would run and bill apart is dropped and named: %s", (_title, given, left, warnings) => {
  const body = structuredClone(given);
  const { hosted, warnings: named } = dropHosted(body);
  expect(body).toEqual(left);
  const settled = hosted?.serve({ ...CALL, body, warnings: named }, new Set());
  expect(settled?.warnings ?? named).toEqual(warnings);
  expect(settled?.body ?? body).toEqual(left);
  expect(settled?.hostedCalls).toBeUndefined();
});

const CALL = { ...makeChat(), dialect: openAIResponses };
const serve = (given: JsonObject, served = ["web_search"]) => {
  const body = structuredClone(given);
  const { hosted, warnings } = dropHosted(body);
  return hosted?.serve({ ...CALL, body, warnings }, new Set(served));
};

it.each([
  [undefined, 5],
  [null, 5],
  [2, 2],
  [0, 0],
  [6, 5],
  [-1, 5],
  ["3", 5],
])("a search that is served comes back as it was, max_tool_calls %o as %i", (asked, most) => {
  const dated = { type: "web_search_preview_2025_03_11", search_context_size: "high" };
  const image = { type: "image_generation" };
  const body = { tools: [dated, own, image], tool_choice: "required", max_tool_calls: asked };
  const settled = serve(body);
  expect(settled?.body).toEqual({ tools: [dated, own], tool_choice: "required", max_tool_calls: most });
  expect(settled?.hostedCalls).toEqual({ web_search: most });
  expect(settled?.mediaTokens).toBe(Number.POSITIVE_INFINITY);
  expect(settled?.warnings).toEqual(["tools.image_generation"]);
});

it("a choice of it is followed where it is served, and refused where it is not", () => {
  for (const tool_choice of [{ type: "web_search" }, "required"]) {
    expect(serve({ tools: [search], tool_choice })?.body.tool_choice).toEqual(tool_choice);
    expect(() => serve({ tools: [search], tool_choice }, [])).toThrow("tool_choice");
  }
  expect(() => dropHosted({ tools: [own], tool_choice: { type: "web_search" } })).toThrow("tool_choice");
});
