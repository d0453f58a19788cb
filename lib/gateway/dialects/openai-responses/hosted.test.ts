import { expect, it } from "vitest";
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
])("what the provider would run and bill apart is dropped and named: %s", (_title, given, left, warnings) => {
  const body = structuredClone(given);
  expect(dropHosted(body)).toEqual(warnings);
  expect(body).toEqual(left);
});
