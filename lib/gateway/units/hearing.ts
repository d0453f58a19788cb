import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { totalInputTokens, totalOutputTokens } from "@/lib/billing/usage";
import { sniffMediaType } from "@/lib/gateway/dialects/media-type";
import { mayThink } from "@/lib/gateway/hold-shape";
import { countTokens } from "@/lib/gateway/meter/tokens";
import type { TranslatedAnswer, TranslationTarget } from "@/lib/gateway/units/unit";

/** What an AI SDK language model shall write down of a sound. */
export type Heard = {
  file: File;
  /** Into English, whatever is spoken. */
  isTranslated: boolean;
  /** The client's hints: ISO code of what is spoken, and words that are likely to come. */
  language: string | undefined;
  hint: string | undefined;
  temperature: number | undefined;
  maxOutputTokens: number;
  /** Of the sound, where nobody reports any. */
  audioTokens: number;
};

/** A transcript by a chat model that hears: text alone, since it measures no times. Charged by its tokens. */
export async function hear(
  { provider, settings, upstreamModel, signal }: TranslationTarget,
  asked: Heard,
): Promise<TranslatedAnswer> {
  const { temperature, maxOutputTokens } = asked;
  const options: LanguageModelV4CallOptions = {
    prompt: [{ role: "user", content: [{ type: "text", text: taskOf(asked) }, await soundOf(asked.file)] }],
    ...{ maxOutputTokens, abortSignal: signal },
    ...(temperature !== undefined && { temperature }),
    // writing down needs no thought, and thoughts would use up the room of the text
    ...(mayThink({}, upstreamModel) && { reasoning: "minimal" }),
  };
  const model = await provider.languageModel(settings, upstreamModel, options);
  const { content, usage: reported, finishReason } = await model.doGenerate(options);
  const text = content
    .flatMap((part) => (part.type === "text" ? [part.text] : []))
    .join("")
    .trim();
  const read = provider.usage(reported.raw);
  const counted = { audioInput: asked.audioTokens, input: countTokens(taskOf(asked)), output: countTokens(text) };
  const reading = read.source === "reported" ? read : { ...read, usage: counted, source: "estimated" as const };
  const [input, output, audio] = [
    totalInputTokens(reading.usage),
    totalOutputTokens(reading.usage),
    reading.usage.audioInput ?? 0,
  ];
  return {
    reading,
    warnings: finishReason.unified === "length" ? ["truncated"] : [],
    body: {
      text,
      usage: {
        ...{ type: "tokens", input_tokens: input, output_tokens: output, total_tokens: input + output },
        input_token_details: { text_tokens: input - audio, audio_tokens: audio },
      },
    },
  };
}

function taskOf({ isTranslated, language, hint }: Heard): string {
  return [
    isTranslated
      ? "Translate what is said in this audio into English."
      : "Write down word for word what is said in this audio, in the language that is spoken.",
    "Answer with that text alone. Where nothing is said, answer with nothing.",
    ...(language === undefined ? [] : [`The language spoken is "${language}".`]),
    ...(hint === undefined ? [] : [`Context, for spelling only: ${hint}`]),
  ].join("\n");
}

/** By name, what bytes do not tell. */
const TYPES: Record<string, string> = {
  ...{ mp3: "audio/mpeg", mpga: "audio/mpeg", mpeg: "audio/mpeg", wav: "audio/wav", flac: "audio/flac" },
  ...{ m4a: "audio/mp4", mp4: "audio/mp4", webm: "audio/webm", ogg: "audio/ogg", oga: "audio/ogg", aac: "audio/aac" },
};

async function soundOf(file: File) {
  const data = Buffer.from(await file.arrayBuffer()).toString("base64");
  const named = TYPES[file.name.split(".").at(-1)?.toLowerCase() ?? ""] ?? file.type;
  const sniffed = sniffMediaType(data, named);
  const mediaType = [sniffed, named].find((type) => type.startsWith("audio/")) ?? "audio/mpeg";
  return { type: "file" as const, mediaType, data: { type: "data" as const, data } };
}
