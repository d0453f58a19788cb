import {
  type LanguageModelV4FilePart,
  type LanguageModelV4Message,
  type LanguageModelV4Prompt,
  type LanguageModelV4TextPart,
  type LanguageModelV4ToolResultPart,
  UnsupportedFunctionalityError,
} from "@ai-sdk/provider";
import type { ProviderDefinition } from "@/lib/gateway/providers/define";

type Message<Role extends LanguageModelV4Message["role"]> = Extract<LanguageModelV4Message, { role: Role }>;
type FilePart = Pick<LanguageModelV4FilePart, "mediaType" | "data" | "filename" | "providerOptions">;
type UserPart = Message<"user">["content"][number];

/** The files of a prompt where their provider takes them. Texts in files are told as texts, which every provider reads.
 *  Pictures that the model made follow in a message of the user, since hardly any provider takes back its own. So do files of
 *  tools, where results are texts alone: modules would write them out as base64, at the price of text. Throws
 *  UnsupportedFunctionalityError for a file that the provider's module would leave out. */
export function placeFiles(
  prompt: LanguageModelV4Prompt,
  { toolFiles, fileTypes }: Pick<ProviderDefinition, "toolFiles" | "fileTypes">,
): LanguageModelV4Prompt {
  let made: FilePart[] = [];
  const placed = prompt.flatMap((message): LanguageModelV4Message[] => {
    if (message.role === "system") return [message];
    if (message.role === "user") return [{ ...message, content: message.content.map(toldIfText) }];
    if (message.role === "tool") return [...placeResults(message, toolFiles === true), ...follow(made)];
    const content = message.content.filter(({ type }) => type !== "file");
    made = message.content.filter((part) => part.type === "file");
    // results of its calls come first
    const isOpen = content.some(({ type }) => type === "tool-call");
    return [...(content.length > 0 ? [{ ...message, content }] : []), ...(isOpen ? [] : follow(made))];
  });
  for (const part of placed.flatMap(filesOf))
    if (fileTypes && !fileTypes.test(part.mediaType))
      throw new UnsupportedFunctionalityError({ functionality: `files of type ${part.mediaType}` });
  return placed;
}

function filesOf({ role, content }: LanguageModelV4Message): FilePart[] {
  return role === "user" ? content.filter((part) => part.type === "file") : [];
}

function follow(files: FilePart[]): Message<"user">[] {
  const parts = files.map((part) => ({ ...part, type: "file" as const }));
  return files.length > 0
    ? [{ role: "user", content: [{ type: "text", text: "Files of the answer before:" }, ...parts] }]
    : [];
}

function placeResults(message: Message<"tool">, toolFiles: boolean): LanguageModelV4Message[] {
  const lifted: UserPart[] = [];
  const content = message.content.map((part) => {
    if (part.type !== "tool-result" || part.output.type !== "content") return part;
    const value = part.output.value.map((item) => (item.type === "file" ? toldIfText(item) : item));
    const files = value.filter((item) => item.type === "file");
    if (files.length > 0 && toolFiles) return { ...part, output: { ...part.output, value } };
    if (files.length > 0) lifted.push({ type: "text", text: `Files of the result of ${part.toolCallId}:` }, ...files);
    return { ...part, output: { type: "text" as const, value: textOf(value) || "The result is in the files below." } };
  });
  return [{ ...message, content }, ...(lifted.length > 0 ? [{ role: "user" as const, content: lifted }] : [])];
}

function textOf(value: Extract<LanguageModelV4ToolResultPart["output"], { type: "content" }>["value"]): string {
  return value.flatMap((item) => (item.type === "text" ? [item.text] : [])).join("");
}

const TEXT = /^text\/|^application\/(json|xml|yaml|x-yaml|javascript)$/;

/** Other parts, and files of other types, as they are. */
function toldIfText<Part extends { type: string }>(part: Part | FilePart): Part | LanguageModelV4TextPart {
  if (!("mediaType" in part)) return part;
  const text = TEXT.test(part.mediaType) ? contentOf(part.data) : null;
  // safe because a file is one of the parts that came in
  if (text === null) return part as unknown as Part;
  const { filename, providerOptions } = part;
  return {
    type: "text",
    // some modules join texts without anything between them
    text: `${filename === undefined ? "" : `${filename}:\n`}${text}\n\n`,
    ...(providerOptions && { providerOptions }),
  };
}

/** Null for what lies behind an address. */
function contentOf(data: FilePart["data"]): string | null {
  if (data.type === "text") return data.text;
  if (data.type !== "data") return null;
  return typeof data.data === "string"
    ? Buffer.from(data.data, "base64").toString("utf8")
    : new TextDecoder().decode(data.data);
}
