import { ReadableStream as NodeReadableStream } from "node:stream/web";
import { setTimeout as pause } from "node:timers/promises";
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { defineProvider } from "@/lib/gateway/providers/define";
import { planSandboxAnswer, type SandboxAnswer } from "@/lib/gateway/providers/sandbox-answer";
import { sandboxEmbeddingModel, sandboxImageModel } from "@/lib/gateway/providers/sandbox-units";
import { NOTHING_REPORTED, RawUsage, type UsageReading } from "@/lib/gateway/usage/reading";

/** Between two words of a stream: slow enough to be seen streaming, fast enough for a test suite. */
const WORD_INTERVAL_MS = 8;

/** A built-in provider that needs no key and no network, so that a fresh installation answers its first call.
 *  The same request always gets the same answer. */
export const sandbox = defineProvider({
  id: "sandbox",
  name: "Sandbox (simulation)",
  needsCredential: false,
  speaks: {},
  headers: () => ({}),
  usage: sandboxUsage,
  classify: ({ status }) => ({
    class: "server",
    status,
    message: "The sandbox failed.",
    param: null,
    retryAfterMs: null,
  }),
  languageModel: (_settings, upstreamModel) => sandboxModel(upstreamModel),
  embeddingModel: (_settings, upstreamModel) => sandboxEmbeddingModel(upstreamModel),
  imageModel: (_settings, upstreamModel) => sandboxImageModel(upstreamModel),
  listModels: null,
});

function sandboxUsage(usage: unknown): UsageReading {
  const raw = RawUsage.of(usage);
  const output = raw?.find("output") ?? null;
  return raw && output !== null ? raw.reading({ input: raw.count("input"), output }) : NOTHING_REPORTED;
}

function sandboxModel(modelId: string): LanguageModelV4 {
  return {
    specificationVersion: "v4",
    provider: "sandbox",
    modelId,
    supportedUrls: { "*/*": [/.*/] },
    async doGenerate(options) {
      const answer = planSandboxAnswer(options);
      return {
        content: [
          ...(answer.words.length ? [{ type: "text" as const, text: answer.words.join("") }] : []),
          ...answer.toolCalls.map((call) => ({ type: "tool-call" as const, ...call })),
        ],
        finishReason: answer.finishReason,
        usage: usageOf(answer),
        warnings: [],
      };
    },
    async doStream(options) {
      // safe because Node's ReadableStream is the global one; only its type lacks `from`
      const stream = NodeReadableStream.from(streamParts(planSandboxAnswer(options), options));
      return { stream: stream as unknown as ReadableStream<LanguageModelV4StreamPart> };
    },
  };
}

async function* streamParts(
  answer: SandboxAnswer,
  options: LanguageModelV4CallOptions,
): AsyncGenerator<LanguageModelV4StreamPart> {
  yield { type: "stream-start", warnings: [] };
  if (answer.words.length) {
    yield { type: "text-start", id: "0" };
    for (const delta of answer.words) {
      await pause(WORD_INTERVAL_MS, undefined, options.abortSignal ? { signal: options.abortSignal } : {});
      yield { type: "text-delta", id: "0", delta };
    }
    yield { type: "text-end", id: "0" };
  }
  for (const call of answer.toolCalls) {
    yield { type: "tool-input-start", id: call.toolCallId, toolName: call.toolName };
    yield { type: "tool-input-delta", id: call.toolCallId, delta: call.input };
    yield { type: "tool-input-end", id: call.toolCallId };
    yield { type: "tool-call", ...call };
  }
  yield { type: "finish", finishReason: answer.finishReason, usage: usageOf(answer) };
}

function usageOf({ inputTokens, outputTokens }: SandboxAnswer) {
  return {
    inputTokens: { total: inputTokens, noCache: inputTokens, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: outputTokens, text: outputTokens, reasoning: undefined },
    raw: { input: inputTokens, output: outputTokens },
  };
}
