import type { LanguageModelV4FilePart, LanguageModelV4Prompt } from "@ai-sdk/provider";
import { expect, test } from "vitest";
import { placeFiles } from "@/lib/gateway/dialects/prompt-files";

const picture: LanguageModelV4FilePart = {
  type: "file",
  mediaType: "image/png",
  data: { type: "data", data: "iVBORw0KGgo=" },
};
const notes: LanguageModelV4FilePart = {
  ...picture,
  mediaType: "text/plain",
  data: { type: "data", data: Buffer.from("käse").toString("base64") },
};
const results = (...value: LanguageModelV4FilePart[]): LanguageModelV4Prompt => [
  {
    role: "tool",
    content: [
      { type: "tool-result", toolCallId: "call_1", toolName: "shot", output: { type: "text", value: "plain" } },
      {
        ...{ type: "tool-result", toolCallId: "call_2", toolName: "shot" },
        output: { type: "content", value: [{ type: "text", text: "seen" }, ...value] },
      },
    ],
  },
];
const outputs = ([message]: LanguageModelV4Prompt) =>
  message?.role === "tool" ? message.content.map((part) => part.type === "tool-result" && part.output) : null;

test("pictures of a tool follow in a message of the user, unless its results may hold them", () => {
  const lifted = placeFiles(results(picture), {});
  expect(outputs(lifted)).toEqual([
    { type: "text", value: "plain" },
    { type: "text", value: "seen" },
  ]);
  expect(lifted[1]).toEqual({
    role: "user",
    content: [{ type: "text", text: "Files of the result of call_2:" }, picture],
  });
  expect(placeFiles(results(picture), { toolFiles: true })).toEqual(results(picture));
});

test("texts in files are told as texts", () => {
  const asked: LanguageModelV4Prompt = [{ role: "user", content: [picture, { ...notes, filename: "a.txt" }] }];
  expect(placeFiles(asked, {})).toEqual([
    { role: "user", content: [picture, { type: "text", text: "a.txt:\nkäse\n\n" }] },
  ]);
  expect(outputs(placeFiles(results(notes), {}))?.[1]).toEqual({ type: "text", value: "seenkäse\n\n" });
});

test("a file that the module would leave out is refused, in the result of a tool too", () => {
  const pdf: LanguageModelV4FilePart = { ...picture, mediaType: "application/pdf" };
  const place = (prompt: LanguageModelV4Prompt) => () => placeFiles(prompt, { fileTypes: /^image\// });
  expect(place([{ role: "user", content: [pdf] }])).toThrow("application/pdf");
  expect(place(results(pdf))).toThrow("application/pdf");
  expect(place([{ role: "user", content: [picture] }])).not.toThrow();
});

test("pictures that the model made follow its turn, behind the results of its calls", () => {
  const said = { type: "text" as const, text: "here" };
  const call = { type: "tool-call" as const, toolCallId: "call_1", toolName: "shot", input: {} };
  const follows = { role: "user", content: [{ type: "text", text: "Files of the answer before:" }, picture] };
  const answer: LanguageModelV4Prompt = [{ role: "assistant", content: [said, picture] }];
  expect(placeFiles(answer, {})).toEqual([{ role: "assistant", content: [said] }, follows]);
  const loop: LanguageModelV4Prompt = [{ role: "assistant", content: [picture, call] }, ...results()];
  expect(placeFiles(loop, {})).toMatchObject([{ content: [call] }, { role: "tool" }, follows]);
});
