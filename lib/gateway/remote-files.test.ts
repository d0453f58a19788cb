import type { LanguageModelV4Prompt } from "@ai-sdk/provider";
import { describe, expect, test } from "vitest";
import { egressFetch } from "@/lib/egress";
import { inlineRemoteFiles } from "@/lib/gateway/remote-files";

const PNG = Buffer.from("89504e470d0a1a0a00", "hex");
const asked = (url: string, mediaType = "image/*"): LanguageModelV4Prompt => [
  { role: "system", content: "be kind" },
  {
    role: "user",
    content: [
      { type: "text", text: "look" },
      { type: "file", mediaType, data: { type: "url", url: new URL(url) } },
    ],
  },
];
const answering = (body: BodyInit, init?: ResponseInit) => async () => new Response(body, init);
const never: typeof fetch = () => Promise.reject(new Error("must not be called"));

test("a file the provider does not fetch is put into the prompt, with the type its bytes have", async () => {
  const file = {
    type: "file" as const,
    mediaType: "image/*",
    data: { type: "url" as const, url: new URL("https://a.test") },
  };
  const prompt = await inlineRemoteFiles(
    [...asked("https://example.com/a"), { role: "assistant", content: [file] }],
    { "image/*": [/^s3:/] },
    answering(PNG, { headers: { "content-type": "image/jpeg" } }),
  );
  const inlined = { type: "file", mediaType: "image/png", data: { type: "data", data: PNG.toString("base64") } };
  expect(prompt[1]?.content).toEqual([{ type: "text", text: "look" }, inlined]);
  expect(prompt[2]?.content).toEqual([inlined]);
});

test.each([
  ["image/*", /^https:/],
  ["*", /example/],
  ["*/*", /.*/],
])("what the provider fetches itself under %s is left to it", async (pattern, url) => {
  const prompt = asked("https://example.com/a");
  expect(await inlineRemoteFiles(prompt, { [pattern]: [url] }, never)).toEqual(prompt);
});

test("what a tool answered with is put into the prompt as well", async () => {
  const file = (data: object) => ({ type: "file", mediaType: "image/*", ...data });
  const prompt = (given: object) =>
    [
      {
        role: "tool",
        content: [
          { type: "tool-result", toolCallId: "a", toolName: "f", output: { type: "content", value: [file(given)] } },
        ],
      },
    ] as unknown as LanguageModelV4Prompt;
  const url = new URL("https://example.com/a");
  const told = await inlineRemoteFiles(prompt({ data: { type: "url", url } }), {}, answering(PNG));
  const data = { type: "data", data: PNG.toString("base64") };
  expect(told).toEqual(prompt({ mediaType: "image/png", data }));
});

describe("refused by name, without a word about what stands there", () => {
  test.each<[string, typeof fetch]>([
    ["a file that is not there", answering("secret page", { status: 404 })],
    ["a page where an image should be", answering("<html>", { headers: { "content-type": "text/html" } })],
    ["a redirect", answering("", { status: 302, headers: { location: "http://169.254.169.254/" } })],
    ["a connection that fails", () => Promise.reject(new TypeError("ECONNREFUSED 10.0.0.1"))],
    ["more than 20 MiB", answering(new Uint8Array(21 * 1024 * 1024))],
  ])("%s", async (_title, fetch) => {
    await expect(inlineRemoteFiles(asked("https://example.com/a"), {}, fetch)).rejects.toMatchObject({
      code: "invalid_request",
      details: { param: "messages" },
      message: expect.not.stringMatching(/secret|10\.0|169/),
    });
  });

  test("more than 64 MiB together", async () => {
    const prompt = Array.from({ length: 4 }, () => asked("https://example.com/a")).flat();
    const bytes = new Uint8Array(17 * 1024 * 1024);
    await expect(inlineRemoteFiles(prompt, {}, async () => new Response(bytes))).rejects.toMatchObject({
      ...{ code: "invalid_request", message: expect.stringContaining("64 MiB") },
    });
  });

  test.each(["http://127.0.0.1/a", "https://10.0.0.1/a", "http://169.254.169.254/latest", "file:///etc/passwd"])(
    "an address that is not public: %s",
    async (url) => {
      await expect(inlineRemoteFiles(asked(url), {}, egressFetch("tenant"))).rejects.toMatchObject({
        code: "invalid_request",
      });
    },
  );
});
