import { describe, expect, it, test } from "vitest";
import { refuseFileIds } from "@/lib/gateway/dialects/file-ids";
import { fileFromBase64 } from "@/lib/gateway/dialects/file-part";

const GEMINI_FILE = "https://GenerativeLanguage.googleapis.com:443/v1beta/files/a";

describe("a file named by its id is refused in every dialect's spelling", () => {
  it.each<[string, object]>([
    ["chat", { content: [{ type: "file", file: { file_id: "file-1" } }] }],
    ["chat, beside its data", { content: [{ type: "file", file: { file_data: "data:,a", file_id: "file-1" } }] }],
    ["chat, Gemini's address as an image that was made", { images: [{ image_url: { url: GEMINI_FILE } }] }],
    ["responses, a file", { content: [{ type: "input_file", file_id: "file-1" }] }],
    ["responses, an image", { content: [{ type: "input_image", file_id: "file-1" }] }],
    ["responses, a tool's parts", { output: [{ type: "input_image", file_id: "file-1" }] }],
    ["responses, a screenshot", { output: { type: "computer_screenshot", file_id: "file-1" } }],
    ["messages", { content: [{ type: "document", source: { type: "file", file_id: "file_1" } }] }],
    ["messages, for a container", { content: [{ type: "container_upload", file_id: "file_1" }] }],
    [
      "messages, a tool's blocks",
      { content: [{ type: "tool_result", content: [{ type: "image", source: { type: "file", file_id: "file_1" } }] }] },
    ],
    [
      "messages, in a document of blocks",
      {
        content: [
          {
            type: "document",
            source: { type: "content", content: [{ type: "image", source: { type: "file", file_id: "f" } }] },
          },
        ],
      },
    ],
    ["chat, Gemini's address", { content: [{ type: "file", file: { file_data: GEMINI_FILE } }] }],
    ["chat, Gemini's address as an image", { content: [{ type: "image_url", image_url: { url: GEMINI_FILE } }] }],
    ["responses, Gemini's address", { content: [{ type: "input_file", file_url: GEMINI_FILE }] }],
    ["responses, Gemini's address as an image", { content: [{ type: "input_image", image_url: GEMINI_FILE }] }],
    ["messages, Gemini's address", { content: [{ type: "document", source: { type: "url", url: GEMINI_FILE } }] }],
    [
      "messages, Gemini's address behind another host",
      { content: [{ type: "image", source: { type: "url", url: "https://proxy.test/gemini/v1beta/files/a" } }] },
    ],
  ])("%s", (_title, item) => {
    expect(() => refuseFileIds("input", [{ content: "hello" }, { ...item }])).toThrow(
      expect.objectContaining({ code: "unsupported_value", details: { param: "input[1]" } }),
    );
  });

  test("what only mentions one stays", () => {
    const cited = { type: "output_text", text: "a", annotations: [{ type: "file_citation", file_id: "file-1" }] };
    const called = { type: "tool_use", id: "t", name: "open", input: { file_id: "file-1" } };
    refuseFileIds("messages", [
      { content: null },
      { content: "file_id" },
      { content: [{ type: "text", text: GEMINI_FILE }] },
      { content: [{ type: "image_url", image_url: { url: "https://example.com/files/a" } }] },
      { content: [cited, called, null, { type: "file", file: { file_data: "data:,a", file_id: null } }] },
    ]);
  });
});

// the module of OpenAI's Responses sends base64 that begins with "file-" as an id
test.each(["image/png", "application/pdf"])("an id in the place of base64 is refused: %s", (mediaType) => {
  expect(() => fileFromBase64("file-AbC123", { mediaType, param: "messages" })).toThrow(
    expect.objectContaining({ code: "invalid_request", details: { param: "messages" } }),
  );
});
