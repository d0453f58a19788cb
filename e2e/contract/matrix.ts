import type { ProviderKindId } from "@/lib/catalog/provider-kinds";
import type { DoorName } from "./doors";
import type { ContractHub } from "./hub";

/** Every provider kind, the columns of the matrix. */
export const KINDS = [
  ...["openai", "anthropic", "google", "bedrock", "deepseek", "xai", "openrouter", "ollama", "doubao", "poe"],
  ...["openai-compatible", "sandbox"],
] as const as readonly ProviderKindId[];

/** What a client asks, free of any dialect. */
export type Ask = {
  text: string;
  stream?: boolean;
  /** Two tools: `get_weather({city})` and `get_time()`. */
  tools?: boolean;
  /** An earlier turn: the calls the model made, each with its result. */
  toolTurn?: { assistant: Told; results: string[] };
  schema?: Record<string, unknown>;
  /** A PNG in base64. */
  image?: string;
  effort?: "low";
  stop?: string[];
  maxTokens?: number;
};

/** What a client is told, free of any dialect. */
export type Told = {
  status: number;
  requestId: string;
  text: string;
  reasoning: string;
  calls: { id: string; name: string; input: unknown }[];
  /** The dialect's own reason in the words of the matrix. */
  finish: "stop" | "length" | "tools" | "refusal" | "error" | null;
  errorCode: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cost: number | null;
  /** The answer as the next request gives it back, where the dialect has it in one piece. */
  turn: unknown;
};

/** One client protocol: a line in `DIALECTS` of matrix.test.ts makes a matrix of it. */
export type DialectColumn = {
  name: string;
  send(at: { hub: ContractHub; door: DoorName; key: string }, model: string, ask: Ask): Promise<Told>;
  /** Starts a stream and leaves after its first content. */
  leave(at: { hub: ContractHub; door: DoorName; key: string }, model: string, ask: Ask): Promise<{ requestId: string }>;
};

export const FEATURES = [
  ...["plain", "stream", "long stream", "tools", "tools streamed", "tool without arguments", "tool loop"],
  ...["structured output", "image input", "reasoning", "reasoning in a tool loop", "stop", "limit", "cached input"],
  ...["error 400", "error 401", "error 404", "error 429", "error 500", "error 529", "context too long"],
  ...["cut stream", "reset stream", "failure in mid-stream", "disconnect"],
] as const;
export type Feature = (typeof FEATURES)[number];

const NO_UPSTREAM = "the sandbox answers by itself: nothing upstream can fail, cut or refuse";

/** Cells that cannot be, and why. The tests skip exactly these, and fail where one has become possible. */
export const IMPOSSIBLE: readonly {
  kind?: ProviderKindId;
  dialect?: string;
  features: readonly Feature[];
  reason: string;
}[] = [
  {
    kind: "sandbox",
    features: [
      ...(["error 400", "error 401", "error 404", "error 429", "error 500", "error 529", "context too long"] as const),
      ...(["cut stream", "reset stream", "failure in mid-stream"] as const),
    ],
    reason: NO_UPSTREAM,
  },
  {
    kind: "sandbox",
    features: ["reasoning", "reasoning in a tool loop", "cached input"],
    reason: "the sandbox neither thinks nor caches",
  },
  {
    kind: "ollama",
    features: ["cached input"],
    reason: "Ollama reports one count of prompt tokens, whatever its cache held",
  },
  {
    kind: "openai",
    dialect: "aigne",
    features: ["reasoning", "reasoning in a tool loop"],
    reason: "translated to OpenAI's chat completions, which count a model's thoughts and keep their text",
  },
  {
    dialect: "aigne",
    features: ["stop", "limit"],
    reason: "the AIGNE protocol has neither stop words nor a token limit",
  },
];

export function impossibleReason(dialect: string, kind: ProviderKindId, feature: Feature): string | null {
  const cell = IMPOSSIBLE.find(
    (candidate) =>
      (candidate.kind ?? kind) === kind &&
      (candidate.dialect ?? dialect) === dialect &&
      candidate.features.includes(feature),
  );
  return cell?.reason ?? null;
}
