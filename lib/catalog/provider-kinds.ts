/** The providers the hub knows. */
export type ProviderKindId =
  | "openai"
  | "anthropic"
  | "google"
  | "bedrock"
  | "deepseek"
  | "xai"
  | "openrouter"
  | "ollama"
  | "doubao"
  | "poe"
  | "openai-compatible"
  | "sandbox";

/** `awsOrApiKey`: a Bedrock API key, or an access key pair. `none`: the provider needs no secret. */
export type CredentialShape = "apiKey" | "optionalApiKey" | "awsOrApiKey" | "none";

export type ProviderKind = {
  readonly id: ProviderKindId;
  readonly name: string;
  /** null: there is none (sandbox), it is given (openai-compatible), or it follows from the region (bedrock). */
  readonly defaultBaseUrl: string | null;
  readonly needsBaseUrl: boolean;
  readonly credential: CredentialShape;
  /** Secrets are bound to this host suffix instead of an origin where the provider has regional hosts. */
  readonly hostSuffix?: string;
};

function kind(
  id: ProviderKindId,
  name: string,
  defaultBaseUrl: string | null,
  more: Partial<ProviderKind> = {},
): ProviderKind {
  return { id, name, defaultBaseUrl, needsBaseUrl: false, credential: "apiKey", ...more };
}

export const PROVIDER_KINDS: readonly ProviderKind[] = [
  kind("openai", "OpenAI", "https://api.openai.com/v1"),
  kind("anthropic", "Anthropic", "https://api.anthropic.com/v1"),
  kind("google", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta"),
  kind("bedrock", "Amazon Bedrock", null, { credential: "awsOrApiKey", hostSuffix: "*.amazonaws.com" }),
  kind("deepseek", "DeepSeek", "https://api.deepseek.com"),
  kind("xai", "xAI", "https://api.x.ai/v1"),
  kind("openrouter", "OpenRouter", "https://openrouter.ai/api/v1"),
  kind("ollama", "Ollama", "http://127.0.0.1:11434", { credential: "optionalApiKey" }),
  kind("doubao", "Doubao (Volcengine Ark)", "https://ark.cn-beijing.volces.com/api/v3"),
  kind("poe", "Poe", "https://api.poe.com/v1"),
  kind("openai-compatible", "OpenAI-compatible", null, { needsBaseUrl: true }),
  kind("sandbox", "Sandbox (simulation)", null, { credential: "none" }),
];

export const PROVIDER_KIND_IDS = PROVIDER_KINDS.map(({ id }) => id);

const BY_ID = new Map<string, ProviderKind>(PROVIDER_KINDS.map((entry) => [entry.id, entry]));

export function findProviderKind(id: string): ProviderKind | null {
  return BY_ID.get(id) ?? null;
}

export type ProviderAddress = { kind: string; baseUrl: string | null; region: string | null };

/** Where calls go, without a trailing slash; null where nothing is called over the network. */
export function effectiveBaseUrl(provider: ProviderAddress): string | null {
  const url = provider.baseUrl ?? findProviderKind(provider.kind)?.defaultBaseUrl ?? null;
  if (url) return url.replace(/\/+$/, "");
  if (provider.kind === "bedrock") return `https://bedrock-runtime.${provider.region ?? "us-east-1"}.amazonaws.com`;
  return null;
}

/** The destination a secret is sealed to (HPKE aad). Once it changes, stored secrets no longer open and must be entered
 *  again: whoever can write a base URL into the database must not be sent the key. */
export function sealingOrigin(provider: ProviderAddress): string {
  const suffix = findProviderKind(provider.kind)?.hostSuffix;
  if (suffix && !provider.baseUrl) return suffix;
  const url = effectiveBaseUrl(provider);
  return url ? new URL(url).origin : `${provider.kind}:`;
}
