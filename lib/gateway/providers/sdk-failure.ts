import { APICallError, InvalidPromptError, UnsupportedFunctionalityError } from "@ai-sdk/provider";
import type { ProviderDefinition, UpstreamFailure } from "@/lib/gateway/providers/define";
import { transportFailure } from "@/lib/gateway/upstream";

/** What an AI SDK model threw, or sent as an `error` part, in the provider's own classification. The error's `url` and
 *  `requestBodyValues` are never read: they hold the prompt. */
export function sdkFailure(error: unknown, definition: ProviderDefinition): UpstreamFailure {
  if (UnsupportedFunctionalityError.isInstance(error) || InvalidPromptError.isInstance(error)) {
    return { class: "invalid_request", status: 400, message: error.message, param: null, retryAfterMs: null };
  }
  if (!APICallError.isInstance(error)) return transportFailure(causeOf(error));
  if (error.statusCode !== undefined && error.statusCode >= 400) {
    return definition.classify({
      status: error.statusCode,
      headers: error.responseHeaders ?? {},
      body: error.responseBody ?? "",
    });
  }
  if (error.statusCode === undefined) return transportFailure(causeOf(error.cause ?? error));
  return {
    class: "server",
    status: error.statusCode,
    message: "The provider's answer could not be read.",
    param: null,
    retryAfterMs: null,
  };
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause ? error.cause : (error ?? {});
}
