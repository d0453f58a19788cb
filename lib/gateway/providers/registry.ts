import { PROVIDER_KINDS } from "@/lib/catalog/provider-kinds";
import { anthropic } from "@/lib/gateway/providers/anthropic";
import { bedrock } from "@/lib/gateway/providers/bedrock";
import { deepseek } from "@/lib/gateway/providers/deepseek";
import type { ProviderDefinition } from "@/lib/gateway/providers/define";
import { doubao } from "@/lib/gateway/providers/doubao";
import { google } from "@/lib/gateway/providers/google";
import { ollama } from "@/lib/gateway/providers/ollama";
import { openai } from "@/lib/gateway/providers/openai";
import { openaiCompatible } from "@/lib/gateway/providers/openai-compatible";
import { openAIFamily } from "@/lib/gateway/providers/openai-family";
import { openrouter } from "@/lib/gateway/providers/openrouter";
import { poe } from "@/lib/gateway/providers/poe";
import { sandbox } from "@/lib/gateway/providers/sandbox";
import { xai } from "@/lib/gateway/providers/xai";

const PROVIDERS: readonly ProviderDefinition[] = [
  ...[openai, anthropic, google, bedrock, deepseek, xai, openrouter, ollama, doubao, poe],
  ...[openaiCompatible, sandbox],
];

/** A kind without a line above speaks chat completions as OpenAI does: to be listed is all it needs. */
const plain = PROVIDER_KINDS.filter(({ id }) => !PROVIDERS.some((provider) => provider.id === id)).map(
  ({ id, name, credential }) => openAIFamily({ id, name, needsCredential: credential === "apiKey" }),
);

const byKind = new Map<string, ProviderDefinition>([...PROVIDERS, ...plain].map((provider) => [provider.id, provider]));

/** Null for a kind that nobody knows. */
export function findProvider(kind: string): ProviderDefinition | null {
  return byKind.get(kind) ?? null;
}
