import type { Clock } from "@/lib/clock";
import type { EgressTimeouts } from "@/lib/egress";
import { AppError } from "@/lib/errors";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import type { Reply } from "@/lib/gateway/exchange";
import type { AttemptEnd, CallMeter } from "@/lib/gateway/meter/call-meter";
import type { Secret, UpstreamFailure } from "@/lib/gateway/providers/define";
import type { Candidate } from "@/lib/gateway/routing/candidates";
import type { StreamOutput } from "@/lib/gateway/stream-output";
import type { Connect } from "@/lib/gateway/upstream";

/** What every attempt gets. It either answers the client completely (`answered`), or fails before any content. */
export type AttemptContext = {
  chat: Conversation;
  candidate: Candidate;
  secret: Secret;
  /** The token limit to send: the client's, or what the hold affords; null for none. */
  maxOutputTokens: number | null;
  requestId: string;
  meter: CallMeter;
  reply: Reply;
  /** Null for whole answers. */
  output: StreamOutput | null;
  answerHeaders: Record<string, string>;
  inputTokens: () => number;
  connect: Connect;
  timeouts: EgressTimeouts;
  sdkFetch(timeouts: EgressTimeouts): typeof globalThis.fetch;
  /** For addresses that tenants choose. */
  fileFetch: typeof globalThis.fetch;
  clock: Clock;
  /** Hears of errors that are our own and do not leave the attempt. */
  onError: (error: unknown) => void;
};

export type AttemptResult = { answered: true } | { answered: false; failure: UpstreamFailure; end: AttemptEnd };

/** How long a call goes on after its client left, in the hope of a usage report. */
export const GRACE_DRAIN_MS = 2_000;

/** What an attempt used for parts of an answer that it then did not finish. */
export type PartlyUsed = Pick<AttemptEnd, "usage" | "usageSource" | "carried">;

const UNUSED: PartlyUsed = { usage: null, usageSource: "unknown" };

export function failed(failure: UpstreamFailure, used = UNUSED): AttemptResult {
  const outcome = failure.class === "timeout" ? "timeout" : "upstream_error";
  return {
    answered: false,
    failure,
    end: { outcome, httpStatus: failure.status, ...used, reason: failure.class },
  };
}

/** For whole answers that the hub stops waiting for: too long under way, or their hold was closed. */
export function endedByHub(): AppError {
  return new AppError("upstream_timeout", "The hub had to end this call. You were not charged.");
}

/** What the client is told when no candidate is left. Our credential's trouble is never shown as the client's; nothing of
 *  the upstream's answer is repeated unless the request itself was at fault. `isCharged`: for parts of the answer, which another
 *  call would make and pay again. */
export function failureToError(failure: UpstreamFailure, isCharged = false): AppError {
  const charge = isCharged ? "Parts that were made before are charged." : "You were not charged.";
  const own = (message: string) => (isCharged ? `${message} ${charge}` : message);
  switch (failure.class) {
    case "invalid_request":
      return new AppError("invalid_request", own(failure.message), paramOf(failure));
    case "context_length":
      return new AppError("context_length_exceeded", own(contextLengthMessage(failure.message)), paramOf(failure));
    case "content_policy":
      return new AppError("content_policy_violation", own(failure.message), paramOf(failure));
    case "auth":
      return new AppError(
        "provider_unavailable",
        `The provider refused the hub's credential. The operator has to mend it. ${charge}`,
      );
    case "rate_limited":
    case "overloaded":
      return isCharged
        ? new AppError("overloaded", `All providers of this model are busy. ${charge}`)
        : new AppError("overloaded", `All providers of this model are busy. ${charge} Try again.`, {
            retryAfterMs: failure.retryAfterMs ?? 1_000,
          });
    case "timeout":
      return new AppError("upstream_timeout", `The provider did not answer in time. ${charge}`);
    case "server":
    case "network":
      return new AppError("upstream_error", `The provider returned an error. ${charge}`);
  }
}

/** Clients match these words. */
function contextLengthMessage(message: string): string {
  return /maximum context length/i.test(message)
    ? message
    : `${message} (this exceeds the model's maximum context length)`;
}

function paramOf(failure: UpstreamFailure): { param?: string } {
  return failure.param === null ? {} : { param: failure.param };
}
