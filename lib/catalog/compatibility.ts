import { PROVIDER_KIND_IDS, type ProviderKind, type ProviderKindId } from "@/lib/catalog/provider-kinds";

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
  reason: "noUpstream" | "sandboxPlain" | "oneCount" | "noStopWords" | "noStopOrLimit";
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

export type Compatibility = {
  dialects: readonly MatrixDialect[];
  features: readonly MatrixFeature[];
  rows: {
    kind: Pick<ProviderKind, "id" | "name">;
    /** `notes` are the exceptions' numbers. */
    cells: { dialect: MatrixDialect; works: number; notes: number[] }[];
  }[];
  exceptions: {
    note: number;
    reason: Exclusion["reason"];
    kind: Pick<ProviderKind, "id" | "name"> | null;
    dialects: readonly MatrixDialect[];
    features: readonly MatrixFeature[];
  }[];
};

/** The matrix of these kinds, summed up for a page. */
export function compatibilityOf(kinds: readonly ProviderKind[]): Compatibility {
  const shown = EXCLUSIONS.filter(({ kind }) => kind === undefined || kinds.some(({ id }) => id === kind));
  const noteOf = (reason: Exclusion["reason"]) => shown.findIndex((exclusion) => exclusion.reason === reason) + 1;
  return {
    dialects: MATRIX_DIALECTS,
    features: MATRIX_FEATURES,
    rows: kinds.map(({ id, name }) => ({
      kind: { id, name },
      cells: MATRIX_DIALECTS.map((dialect) => {
        const reasons = MATRIX_FEATURES.flatMap((feature) => exclusionOf(dialect, id, feature) ?? []);
        const notes = [...new Set(reasons.map(noteOf))].sort((a, b) => a - b);
        return { dialect, works: MATRIX_FEATURES.length - reasons.length, notes };
      }),
    })),
    exceptions: shown.map(({ reason, kind, dialects = [], features }, index) => {
      const found = kinds.find(({ id }) => id === kind);
      const place = found ? { id: found.id, name: found.name } : null;
      return { note: index + 1, reason, kind: place, dialects, features };
    }),
  };
}
