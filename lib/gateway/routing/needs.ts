import type { Capabilities, Feature, Modality } from "@/lib/catalog/capabilities";
import type { JsonObject } from "@/lib/gateway/json-body";

/** Something a request cannot be served without. */
export type Need = `input:${Modality}` | `output:${Modality}` | Feature;

const INPUT: Record<string, Modality> = {
  ...{ image_url: "image", input_image: "image", image: "image" },
  ...{ input_audio: "audio", audio: "audio", video_url: "video", video: "video" },
  ...{ file: "file", input_file: "file", document: "file" },
};

/** What a conversation needs of its model, whatever the dialect. Fields that nobody understands need nothing. */
export function needsOf(body: JsonObject): Need[] {
  const needs = new Set<Need>();
  for (const item of [...listOf(body.messages), ...listOf(body.input)]) gather(item, needs);
  for (const modality of listOf(body.modalities))
    if (modality === "audio" || modality === "image") needs.add(`output:${modality}`);
  if (listOf(body.tools).length > 0 || listOf(body.functions).length > 0) needs.add("tools");
  if (asksForSchema(body)) needs.add("structured_output");
  return [...needs];
}

/** The first need that is known not to be met; null where none is. The offer's own lists win over its model's. */
export function lacking(needs: readonly Need[], model: Capabilities | null, offer: Capabilities | null): Need | null {
  if (needs.length === 0 || (!model && !offer)) return null;
  const known = { ...model, ...offer };
  return needs.find((need) => !meets(need, known)) ?? null;
}

function meets(need: Need, { input, output, features }: Capabilities): boolean {
  const [direction, modality] = need.split(":") as [string, Modality | undefined];
  if (!modality) return !features || features.includes(need as Feature);
  const list = direction === "input" ? input : output;
  return !list || list.includes(modality);
}

/** Parts of a message, and of what a tool gave back inside one. */
function gather(item: unknown, needs: Set<Need>): void {
  const { content, output } = (item ?? {}) as { content?: unknown; output?: unknown };
  for (const part of [...listOf(content), ...listOf(output)] as (JsonObject | null)[]) {
    const modality = INPUT[String(part?.type)];
    // a document may be plain text
    const isText = (part?.source as JsonObject | undefined)?.type === "text";
    if (modality && !isText) needs.add(`input:${modality}`);
    if (part?.type === "tool_result") gather(part, needs);
  }
}

/** As chat completions, Responses and Messages say it. */
function asksForSchema({ response_format, text, output_config, output_format }: JsonObject): boolean {
  const formats = [
    response_format,
    (text as JsonObject | null | undefined)?.format,
    (output_config as JsonObject | null | undefined)?.format,
    output_format,
  ];
  return formats.some((format) => (format as JsonObject | null | undefined)?.type === "json_schema");
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
