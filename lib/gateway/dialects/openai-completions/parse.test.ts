import { expect, test } from "vitest";
import { parseCompletion } from "@/lib/gateway/dialects/openai-completions/parse";

test("what an upstream would run and bill apart, or at a dearer rate, is left out and named", () => {
  const extras = { plugins: [{ id: "web" }], service_tier: "priority", tools: [{ type: "openrouter:web_search" }] };
  const { body, warnings } = parseCompletion({ model: "m", prompt: "hi", suffix: "x", ...extras }, 10);
  expect(body).toEqual({ model: "m", prompt: "hi", suffix: "x" });
  expect(warnings).toEqual(["plugins", "service_tier", "tools.openrouterweb_search"]);
});
