import { anthropic } from "@/lib/gateway/providers/anthropic";
import type { ProviderDefinition } from "@/lib/gateway/providers/define";
import { openai } from "@/lib/gateway/providers/openai";
import { openaiCompatible } from "@/lib/gateway/providers/openai-compatible";
import { sandbox } from "@/lib/gateway/providers/sandbox";

const PROVIDERS: readonly ProviderDefinition[] = [openai, openaiCompatible, anthropic, sandbox];

const byKind = new Map<string, ProviderDefinition>(PROVIDERS.map((provider) => [provider.id, provider]));

/** Null for kinds that are listed but not served yet. */
export function findProvider(kind: string): ProviderDefinition | null {
  return byKind.get(kind) ?? null;
}
