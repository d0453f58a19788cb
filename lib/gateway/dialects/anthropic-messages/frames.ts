import { type AppError, ERRORS } from "@/lib/errors";

/** SDKs skip events without the `event:` line. */
export function eventFrame(event: { type: string } & Record<string, unknown>): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** Anthropic's error body, for refusals and inside streams; ours add `limit` on 402 and 429. */
export function messagesError(error: AppError, requestId: string) {
  return {
    type: "error" as const,
    error: {
      type: ERRORS[error.code].anthropic,
      message: error.message,
      ...(error.details.limit && { limit: error.details.limit }),
    },
    request_id: requestId,
  };
}
