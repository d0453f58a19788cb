import { PROVIDER_KIND_IDS, type ProviderKindId } from "@/lib/catalog/provider-kinds";

/** The client protocols of conversations, each against every kind of provider: what the contract suite proves cell by cell
 *  (`e2e/contract/matrix.test.ts`) and the compatibility page shows. */
export const MATRIX_DIALECTS = ["openai-chat", "openai-responses", "anthropic-messages", "aigne"] as const;
export type MatrixDialect = (typeof MATRIX_DIALECTS)[number];

/** What is asked of each pair of protocol and provider, in the order of the page. */
export const MATRIX_FEATURES = [
  ...(["plain", "stream", "longStream", "tools", "toolsStreamed", "toolWithoutArguments", "toolLoop"] as const),
  ...(["structuredOutput", "imageInput", "reasoning", "reasoningLoop", "stop", "limit", "cachedInput"] as const),
  ...(["error400", "error401", "error404", "error429", "error500", "error529", "contextTooLong"] as const),
  ...(["cutStream", "resetStream", "midStreamFailure", "disconnect"] as const),
] as const;
export type MatrixFeature = (typeof MATRIX_FEATURES)[number];

type Exclusion = {
  /** Why, as a key of the texts in `messages/`. */
  reason: "noUpstream" | "sandboxPlain" | "oneCount" | "thoughtsKept" | "noStopWords" | "noStopOrLimit";
  kind?: ProviderKindId;
  dialects?: readonly MatrixDialect[];
  features: readonly MatrixFeature[];
};

/** Cells that cannot be. The contract suite fails where one of them would pass. */
export const EXCLUSIONS: readonly Exclusion[] = [
  {
    reason: "noUpstream",
    kind: "sandbox",
    features: [
      ...(["error400", "error401", "error404", "error429", "error500", "error529", "contextTooLong"] as const),
      ...(["cutStream", "resetStream", "midStreamFailure"] as const),
    ],
  },
  { reason: "sandboxPlain", kind: "sandbox", features: ["reasoning", "reasoningLoop", "cachedInput"] },
  { reason: "oneCount", kind: "ollama", features: ["cachedInput"] },
  {
    reason: "thoughtsKept",
    kind: "openai",
    dialects: ["anthropic-messages", "aigne"],
    features: ["reasoning", "reasoningLoop"],
  },
  { reason: "noStopWords", dialects: ["openai-responses"], features: ["stop"] },
  { reason: "noStopOrLimit", dialects: ["aigne"], features: ["stop", "limit"] },
];

/** The exclusion of a cell; null for one that works. */
export function exclusionOf(
  dialect: MatrixDialect,
  kind: ProviderKindId,
  feature: MatrixFeature,
): Exclusion["reason"] | null {
  const found = EXCLUSIONS.find(
    (exclusion) =>
      (exclusion.kind ?? kind) === kind &&
      (exclusion.dialects ?? MATRIX_DIALECTS).includes(dialect) &&
      exclusion.features.includes(feature),
  );
  return found?.reason ?? null;
}

/** Rows of the matrix. */
export const MATRIX_KINDS: readonly ProviderKindId[] = PROVIDER_KIND_IDS;
