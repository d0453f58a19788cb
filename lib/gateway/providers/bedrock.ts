import type { LanguageModelV4Message, SharedV4ProviderOptions } from "@ai-sdk/provider";
import {
  defineProvider,
  type FailedResponse,
  type FailureClass,
  type SdkSettings,
  type UpstreamFailure,
  type UpstreamGet,
  type UpstreamTarget,
} from "@/lib/gateway/providers/define";
import { retryAfterMs, spokenWaitMs } from "@/lib/gateway/providers/retry-after";
import { withinLimit } from "@/lib/gateway/providers/thinking-limit";
import { bedrockConverseUsage } from "@/lib/gateway/usage/bedrock-converse";

const DEFAULT_REGION = "us-east-1";
/** The regional endpoints; any other base URL is the operator's own and is called as it is. */
const REGIONAL = /^https:\/\/bedrock-runtime\.([a-z0-9-]+)\.amazonaws\.com$/;

/** Models that take hints for a cache, by name or behind a profile of the operator's own; others refuse the call for one. */
const CACHES = /claude|nova|^arn:/;

function withoutHint(message: LanguageModelV4Message): LanguageModelV4Message {
  const plain = <Part extends { providerOptions?: SharedV4ProviderOptions }>(part: Part): Part => {
    if (part.providerOptions?.bedrock?.cachePoint === undefined) return part;
    const { cachePoint: _hint, ...bedrock } = part.providerOptions.bedrock;
    return { ...part, providerOptions: { ...part.providerOptions, bedrock } };
  };
  if (message.role === "system") return plain(message);
  // safe because each part stays of its own kind
  return { ...message, content: message.content.map(plain) } as LanguageModelV4Message;
}

/** Amazon Bedrock's Converse API, with an access key pair (SigV4) or an API key. A credential may name its own region. */
export const bedrock = defineProvider({
  id: "bedrock",
  name: "Amazon Bedrock",
  needsCredential: true,
  toolFiles: true,
  speaks: {},
  // docs.aws.amazon.com, API_runtime_InferenceConfiguration
  maxStopSequences: 2_500,
  // nothing is relayed: the SDK module signs each request
  headers: () => ({}),
  usage: bedrockConverseUsage,
  classify: classifyBedrockError,
  languageModel: async (settings, upstreamModel) =>
    withinLimit((await moduleOf(settings))(upstreamModel), { provider: "amazonBedrock", option: "reasoningConfig" }),
  prepare: (options, upstreamModel) =>
    CACHES.test(upstreamModel) ? options : { ...options, prompt: options.prompt.map(withoutHint) },
  embeddingModel: async (settings, upstreamModel) => (await moduleOf(settings)).embedding(upstreamModel),
  imageModel: async (settings, upstreamModel) => (await moduleOf(settings)).image(upstreamModel),
  rerankingModel: async (settings, upstreamModel) =>
    (await moduleOf(settings, "bedrock-agent-runtime")).reranking(upstreamModel),
  listModels: {
    request: signedModelList,
    read: (body) =>
      ((body as { modelSummaries?: { modelId: string; modelName?: string }[] }).modelSummaries ?? []).map(
        ({ modelId, modelName }) => ({ id: modelId, ...(modelName && { name: modelName }) }),
      ),
  },
});

async function moduleOf(settings: SdkSettings, service: Service = "bedrock-runtime") {
  const { createAmazonBedrock } = await import("@ai-sdk/amazon-bedrock");
  const { secret, fetch } = settings;
  const { apiKey = "", accessKeyId = "", secretAccessKey = "", sessionToken } = secret;
  return createAmazonBedrock({
    // an empty text keeps the module from looking for a key in the environment
    apiKey,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken && { sessionToken }),
    region: regionOf(settings),
    baseURL: endpointOf(settings, service),
    fetch,
  });
}

function regionOf({ secret, baseUrl, region }: UpstreamTarget): string {
  return secret.region ?? region ?? REGIONAL.exec(baseUrl)?.[1] ?? DEFAULT_REGION;
}

/** Each is a host of its own: models, their list, and what ranks documents. */
type Service = "bedrock" | "bedrock-runtime" | "bedrock-agent-runtime";

function endpointOf(target: UpstreamTarget, service: Service): string {
  return REGIONAL.test(target.baseUrl) ? `https://${service}.${regionOf(target)}.amazonaws.com` : target.baseUrl;
}

/** Models are listed by the control plane, a host of its own. */
async function signedModelList(target: UpstreamTarget): Promise<UpstreamGet> {
  const url = `${endpointOf(target, "bedrock")}/foundation-models`;
  const { apiKey, accessKeyId = "", secretAccessKey = "", sessionToken } = target.secret;
  if (apiKey) return { url, headers: { authorization: `Bearer ${apiKey}` } };
  const { AwsV4Signer } = await import("aws4fetch");
  const signer = new AwsV4Signer({
    method: "GET",
    url,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken && { sessionToken }),
    service: "bedrock",
    region: regionOf(target),
  });
  const { headers } = await signer.sign();
  return { url, headers: Object.fromEntries(headers) };
}

function classifyBedrockError(failure: FailedResponse): UpstreamFailure {
  const { message, type } = readErrorBody(failure);
  return {
    class: classOf({ status: failure.status, message, type }),
    status: failure.status,
    message,
    param: null,
    retryAfterMs: retryAfterMs(failure.headers) ?? spokenWaitMs(message),
  };
}

const CLASS_BY_TYPE: Record<string, FailureClass> = {
  throttlingexception: "rate_limited",
  servicequotaexceededexception: "rate_limited",
  modelnotreadyexception: "overloaded",
  serviceunavailableexception: "overloaded",
  modeltimeoutexception: "timeout",
  internalserverexception: "server",
  modelerrorexception: "server",
  modelstreamerrorexception: "server",
  resourcenotfoundexception: "server",
  accessdeniedexception: "auth",
  unrecognizedclientexception: "auth",
  invalidsignatureexception: "auth",
  expiredtokenexception: "auth",
};

function classOf({ status, message, type }: { status: number; message: string; type: string }): FailureClass {
  if (/(input|prompt) is too long|too many input tokens|exceed(s|ed)? .*(context|maximum).* tokens/i.test(message))
    return "context_length";
  // a model id that is wrong, or served elsewhere, is the operator's configuration: another offer may serve it
  if (/model identifier is invalid|on-demand throughput isn.t supported/i.test(message)) return "server";
  const known = CLASS_BY_TYPE[type.toLowerCase()];
  if (known) return known;
  if (status === 401 || status === 402 || status === 403) return "auth";
  if (status === 429) return "rate_limited";
  if (status === 503 || status === 529) return "overloaded";
  if (status === 408 || status === 504) return "timeout";
  if (status >= 500 || status === 404 || status === 405 || status === 424 || status < 400) return "server";
  return "invalid_request";
}

/** `{message}` with the type in a header; an exception inside a stream comes as the module read it. */
function readErrorBody({ headers, body }: FailedResponse): { message: string; type: string } {
  const header = (headers["x-amzn-errortype"] ?? "").split(":")[0] ?? "";
  try {
    const parsed = JSON.parse(body) as {
      message?: string;
      Message?: string;
      error?: { message?: string; type?: string };
    };
    return {
      message: parsed.message ?? parsed.Message ?? parsed.error?.message ?? "The provider returned an error.",
      type: header || (parsed.error?.type ?? ""),
    };
  } catch {
    return { message: "The provider returned an error that is not JSON.", type: header };
  }
}
