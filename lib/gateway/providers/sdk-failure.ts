import {
  APICallError,
  InvalidPromptError,
  LoadAPIKeyError,
  TypeValidationError,
  UnsupportedFunctionalityError,
} from "@ai-sdk/provider";
import type { ProviderDefinition, UpstreamFailure } from "@/lib/gateway/providers/define";
import { transportFailure } from "@/lib/gateway/upstream";

/** What an AI SDK model threw, or sent as an `error` part, in the provider's own classification. The error's `url` and
 *  `requestBodyValues` are never read: they hold the prompt. */
export function sdkFailure(error: unknown, definition: ProviderDefinition): UpstreamFailure {
  if (UnsupportedFunctionalityError.isInstance(error) || InvalidPromptError.isInstance(error)) {
    return { class: "invalid_request", status: 400, message: error.message, param: null, retryAfterMs: null };
  }
  if (LoadAPIKeyError.isInstance(error))
    return { class: "auth", status: null, message: "The credential is incomplete.", param: null, retryAfterMs: null };
  if (isErrorEvent(error))
    return definition.classify({ status: error.statusCode ?? 500, headers: {}, body: JSON.stringify({ error }) });
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

/** An event of a type the module does not know: providers may add some at any time, and clients have to skip them. */
export function isUnknownEvent(error: unknown): boolean {
  return TypeValidationError.isInstance(error);
}

/** The provider's own error object, as it stood in the stream, or the module's reading of it. */
function isErrorEvent(error: unknown): error is { type: string; statusCode?: number } {
  return (
    typeof error === "object" &&
    error !== null &&
    !(error instanceof Error) &&
    typeof (error as { type?: unknown }).type === "string"
  );
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause ? error.cause : (error ?? {});
}
