import { expect, it } from "vitest";
import { makeChat } from "@/e2e/support/gateway-values";
import { anthropicMessages } from "@/lib/gateway/dialects/anthropic-messages/dialect";
import { dropHosted } from "@/lib/gateway/dialects/anthropic-messages/hosted";
import type { JsonObject } from "@/lib/gateway/json-body";

const own = { name: "f", input_schema: { type: "object" } };
const search = { type: "web_search_20250305", name: "web_search", allowed_domains: ["example.com"] };
const fetches = { type: "web_fetch_20250910", name: "web_fetch", max_uses: 2 };
const code = { type: "code_execution_20250825", name: "code_execution" };
const CALL = { ...makeChat(), dialect: anthropicMessages };

function serve(tools: JsonObject[], served: string[], tool_choice?: JsonObject) {
  const body: JsonObject = { tools: structuredClone(tools), ...(tool_choice && { tool_choice }) };
  const { hosted, warnings } = dropHosted(body);
  return hosted?.serve({ ...CALL, body, warnings }, new Set(served));
}

it.each([
  [undefined, 5],
  [null, 5],
  [3, 3],
  [20, 5],
  ["2", 5],
])("a search that is served comes back as it was, max_uses %o as %i", (max_uses, most) => {
  const settled = serve([{ ...search, max_uses }, own, code], ["web_search"]);
  expect(settled?.body.tools).toEqual([{ ...search, max_uses: most }, own]);
  expect(settled?.hostedCalls).toEqual({ web_search: most });
  expect(settled?.mediaTokens).toBe(Number.POSITIVE_INFINITY);
  expect(settled?.warnings).toEqual(["tools.code_execution_20250825"]);
});

it("each tool has its own limit, and one that is not served is named", () => {
  const choice = { type: "tool", name: "web_search" };
  const both = serve([search, fetches], ["web_search", "web_fetch"], choice);
  expect(both?.hostedCalls).toEqual({ web_search: 5, web_fetch: 2 });
  expect(both?.body.tool_choice).toEqual(choice);
  const one = serve([search, fetches], ["web_search"]);
  expect([one?.hostedCalls, one?.warnings]).toEqual([{ web_search: 5 }, ["tools.web_fetch_20250910"]]);
  expect(() => serve([search, fetches], ["web_fetch"], choice)).toThrow("tool_choice");
  expect(serve([search], [], { type: "any" })?.body).toEqual({});
});

it.each([
  [{ type: "web_search_20260209", name: "web_search" }, false],
  [{ type: "web_search_20260318", name: "web_search", allowed_callers: ["direct"] }, true],
  [{ ...search, allowed_callers: ["direct", "code_execution_20260120"] }, false],
  [code, false],
  [{ type: "mcp_toolset", mcp_server_name: "x" }, false],
])("only what the model calls itself is bounded by max_uses: %o", (tool, isServed) => {
  const body: JsonObject = { tools: [tool] };
  const { hosted, warnings } = dropHosted(body);
  expect(body).toEqual({});
  expect(hosted !== undefined).toBe(isServed);
  expect(warnings).toEqual(isServed ? [] : [`tools.${tool.type}`]);
});
