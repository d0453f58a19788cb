import { useTranslations } from "next-intl";
import type { ProviderKind } from "@/lib/catalog/provider-kinds";

const NAMED = ["openai-compatible", "sandbox"] as const;

/** Kinds that are not the name of a company are said in the reader's language. */
export function useKindName(): (kind: Pick<ProviderKind, "id" | "name">) => string {
  const t = useTranslations("landing.providers.names");
  return ({ id, name }) => {
    const named = NAMED.find((candidate) => candidate === id);
    return named ? t(named) : name;
  };
}
