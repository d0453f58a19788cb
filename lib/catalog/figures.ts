import type { ProviderKindId } from "@/lib/catalog/provider-kinds";
import type { StoredRates } from "@/lib/catalog/rates";
import type { ModelRow } from "@/lib/catalog/schema";

/** What is published about a model of a provider. Absent is never 0: what nobody stated is null or missing. */

export const MODALITIES = ["text", "image", "audio", "video", "file"] as const;
export type Modality = (typeof MODALITIES)[number];

export const CAPABILITIES = ["tools", "structured_output", "reasoning", "prompt_caching", "web_search"] as const;
export type Capability = (typeof CAPABILITIES)[number];

export type ModelFigures = {
  kind: ProviderKindId;
  /** As the provider names it. */
  id: string;
  name: string | null;
  type: ModelRow["type"];
  contextWindow: number | null;
  maxOutputTokens: number | null;
  input: readonly Modality[];
  output: readonly Modality[];
  capabilities: readonly Capability[];
  /** YYYY-MM-DD */
  released: string | null;
  /** From then on, or already: no longer offered. */
  isRetired: boolean;
  cost: StoredRates | null;
};

/** Where figures come from. */
export type FigureSource = { name: string; url: string; date: string; note?: string };
