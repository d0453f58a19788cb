import { useTranslations } from "next-intl";
import type { ProviderKind } from "@/lib/catalog/provider-kinds";

const NAMED = ["openai-compatible", "sandbox"] as const;

type KindNames = (name: (typeof NAMED)[number]) => string;

/** Kinds that are not the name of a company are said in the reader's language: `names` are `landing.providers.names`. */
export function kindName(names: KindNames, { id, name }: Pick<ProviderKind, "id" | "name">): string {
  const named = NAMED.find((candidate) => candidate === id);
  return named ? names(named) : name;
}

export function useKindName(): (kind: Pick<ProviderKind, "id" | "name">) => string {
  const names = useTranslations("landing.providers.names");
  return (kind) => kindName(names, kind);
}
