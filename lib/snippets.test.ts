import { parseSync } from "vite";
import { describe, expect, it } from "vitest";
import { chatSnippets } from "@/lib/snippets";

const snippets = chatSnippets({ baseUrl: "https://hub.example.com/api/v1", model: "sandbox/chat" });

describe("chatSnippets", () => {
  it.each(snippets)("$id marks exactly the lines with the address and the key", ({ code, changed }) => {
    const lines = code.split("\n");
    const differing = lines.flatMap((line, index) => (/hub\.example\.com|AIGNE_API_KEY/.test(line) ? [index] : []));
    expect(changed).toEqual(differing);
  });

  it("keeps curl to five lines with a valid JSON body", () => {
    const { code } = snippets[0] as (typeof snippets)[number];
    expect(code.split("\n")).toHaveLength(5);
    expect(JSON.parse(code.slice(code.indexOf("'") + 1, code.lastIndexOf("'")))).toMatchObject({
      model: "sandbox/chat",
    });
  });

  it("writes Node code that parses", () => {
    const node = snippets.find(({ id }) => id === "node");
    expect(parseSync("first-call.mjs", node?.code ?? "").errors).toEqual([]);
  });
});
