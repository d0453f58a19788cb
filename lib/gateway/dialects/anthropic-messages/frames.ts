import { type AppError, ERRORS } from "@/lib/errors";

/** SDKs skip events without the `event:` line. */
export function eventFrame(event: { type: string } & Record<string, unknown>): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** Tells Anthropic's own helpers to send whole conversations instead. */
const THREAD_UNSUPPORTED = { error_code: "thread_unsupported_request", unsupported: ["thread"] };

/** Anthropic's error body, for refusals and inside streams; ours add `limit` on 402 and 429. */
export function messagesError(error: AppError, requestId: string) {
  return {
    type: "error" as const,
    error: {
      type: ERRORS[error.code].anthropic,
      message: error.message,
      ...(error.details.limit && { limit: error.details.limit }),
      ...(error.details.param === "thread" && { details: THREAD_UNSUPPORTED }),
    },
    request_id: requestId,
  };
}
