import { describe, expect, it, test } from "vitest";
import { refuseFileIds } from "@/lib/gateway/dialects/file-ids";

describe("a file named by its id is refused in every dialect's spelling", () => {
  it.each<[string, object]>([
    ["chat", { content: [{ type: "file", file: { file_id: "file-1" } }] }],
    ["chat, beside its data", { content: [{ type: "file", file: { file_data: "data:,a", file_id: "file-1" } }] }],
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
      { content: [cited, called, null, { type: "file", file: { file_data: "data:,a", file_id: null } }] },
    ]);
  });
});
