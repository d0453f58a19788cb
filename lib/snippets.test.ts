import { execFileSync, spawnSync } from "node:child_process";
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

describe("chatSnippets of a conversation", () => {
  const call = {
    model: "openai/gpt-5",
    messages: [
      { role: "system", content: 'Answer in "verse".\nBe brief.' },
      { role: "user", content: "It's $HOME, `ls` and \\n 你好 😀" },
    ],
    temperature: 0,
    top_p: 0.5,
    max_tokens: 64,
  } as const;
  const code = (id: string) =>
    chatSnippets({ baseUrl: "https://hub.example.com/api/v1", ...call }).find((snippet) => snippet.id === id)?.code ??
    "";

  it("sends exactly that from a shell", () => {
    const script = `curl() { printf %s "\${@: -1}"; }\n${code("curl")}`;
    expect(JSON.parse(execFileSync("bash", ["-c", script], { encoding: "utf8" }))).toEqual(call);
  });

  it("sends exactly that from Node", () => {
    const argument = code("node").match(/completions\.create\(([\s\S]*?)\);\nconsole/)?.[1] ?? "";
    // biome-ignore lint/security/noGlobalEval: the test runs what people would paste
    expect(globalThis.eval(`(${argument})`)).toEqual(call);
    expect(parseSync("call.mjs", code("node")).errors).toEqual([]);
  });

  it("sends exactly that from Python", () => {
    const stub = `import sys, types, json
class Client:
    def __init__(self, **kw): self.chat = self.completions = self
    def create(self, **kw):
        sys.stdout.write(json.dumps(kw)); sys.exit(0)
sys.modules["openai"] = types.SimpleNamespace(OpenAI=Client)
`;
    const env = { ...process.env, AIGNE_API_KEY: "x" };
    const python = spawnSync("python3", ["-c", stub + code("python")], { encoding: "utf8", env });
    // where no Python is installed, the text alone is compared
    if (python.error) expect(code("python")).toContain(`messages=[\n        {"role": "system", "content": `);
    else expect(JSON.parse(python.stdout)).toEqual(call);
  });
});
