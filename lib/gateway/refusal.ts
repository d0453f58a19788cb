import type { HoldAnswer, RefusalRule } from "@/lib/billing/wallet";
import { AppError, type ErrorCode, type ErrorDetails } from "@/lib/errors";
import { formatUsd } from "@/lib/money";

type Refused = Extract<HoldAnswer, { granted: false }>;

const CODES: Record<RefusalRule, ErrorCode> = {
  key_revoked: "invalid_api_key",
  key_expired: "invalid_api_key",
  key_disabled: "key_disabled",
  org_suspended: "org_suspended",
  wallet_frozen: "wallet_frozen",
  concurrency: "concurrency_limit_exceeded",
  rpm: "rate_limit_exceeded",
  tpm: "rate_limit_exceeded",
  tpm_too_large: "tpm_too_large",
  starter_rate: "rate_limit_exceeded",
  budget: "budget_exceeded",
  insufficient_credits: "insufficient_quota",
  restricted_credits: "insufficient_quota",
  holds_only: "insufficient_quota",
  idempotency_mismatch: "idempotency_mismatch",
  idempotency_in_flight: "idempotency_in_flight",
  idempotency_replay: "idempotency_replay_unavailable",
  idempotency_replay_unavailable: "idempotency_replay_unavailable",
  voided: "unavailable",
  no_wallet: "insufficient_quota",
  fenced: "unavailable",
};

/** A refused hold as the error the client sees: which limit, of what, how much of it is used, and when it resets. */
export function refusalToError(refused: Refused, needed: bigint, headers: Record<string, string> = {}): AppError {
  return new AppError(CODES[refused.rule], message(refused, needed), { ...details(refused), headers });
}

/** A total has no name of its own. */
const PERIODS = { day: "daily ", week: "weekly ", month: "monthly ", total: "" };

function message({ rule, scope, limit, period, available }: Refused, needed: bigint): string {
  const whose = scope ?? "key";
  switch (rule) {
    case "key_revoked":
      return "This API key was revoked. Create a new one.";
    case "key_expired":
      return "This API key has expired. Create a new one.";
    case "key_disabled":
      return "This API key is disabled.";
    case "org_suspended":
      return "This organisation is suspended. Contact the operator.";
    case "wallet_frozen":
      return "The wallet of this organisation is frozen. Contact the operator.";
    case "concurrency":
      return `This ${whose} may have ${limit} calls running at once, and has. Wait for one to end.`;
    case "rpm":
      return `This ${whose} may make ${limit} requests per minute, and has.`;
    case "tpm":
      return `This ${whose} may use ${limit} tokens per minute, and has.`;
    case "tpm_too_large":
      return `This one call may use more tokens than the ${limit} per minute that this ${whose} is allowed. Lower "max_tokens" or shorten the input.`;
    case "starter_rate":
      return "Starter credit pays for one call a second. Wait a second, or buy credits on the Billing page to lift this.";
    case "budget":
      if (scope === "self") {
        return `The ${PERIODS[period ?? "total"]}limit that this organisation has set itself ($${formatUsd(limit ?? 0n)}) cannot cover this call. Raise it under Settings, or wait for its reset.`;
      }
      return `The ${PERIODS[period ?? "total"]}budget of this ${whose} ($${formatUsd(limit ?? 0n)}) cannot cover this call. Raise it or wait for its reset.`;
    case "holds_only":
      return "The credit left is held by calls in flight. Try again in a moment.";
    case "idempotency_mismatch":
      return "This Idempotency-Key was used with another body. Use a new key for a new request.";
    case "idempotency_in_flight":
      return "A call with this Idempotency-Key is still running. Try again in a moment.";
    case "idempotency_replay":
    case "idempotency_replay_unavailable":
      return `A call with this Idempotency-Key has run, and its answer cannot be repeated: see the request ${scope ?? "in question"}.`;
    case "fenced":
      return "This node of the hub was replaced while your call came in. You were not charged. Try again.";
    case "voided":
      return "This call was given up before it started. Try again.";
    case "restricted_credits":
      return `Starter credit does not pay for this model: this call may cost up to $${formatUsd(needed)} and $${formatUsd(available ?? 0n)} of other credit is available. Buy credits on the Billing page, or call a cheaper model.`;
    case "insufficient_credits":
    case "no_wallet":
      return `Not enough credit: this call may cost up to $${formatUsd(needed)} and $${formatUsd(available ?? 0n)} is available. Add credits to go on.`;
  }
}

const COUNTED: ReadonlySet<RefusalRule> = new Set(["concurrency", "rpm", "tpm", "tpm_too_large", "starter_rate"]);
const LIMITED: ReadonlySet<RefusalRule> = new Set([
  ...COUNTED,
  "budget",
  "insufficient_credits",
  "restricted_credits",
  "holds_only",
  "no_wallet",
]);

function details({ rule, scope, limit, used, resetAt, retryAfterMs, available }: Refused): ErrorDetails {
  const show = (value: bigint | null) => (COUNTED.has(rule) ? Number(value ?? 0n) : formatUsd(value ?? 0n));
  return {
    ...(LIMITED.has(rule) && {
      limit: { rule, scope: scope ?? "org", limit: show(limit ?? available), used: show(used), reset_at: resetAt },
    }),
    ...(rule === "holds_only" && { retry: true, retryAfterMs: 1_000 }),
    ...(rule === "idempotency_in_flight" && { retryAfterMs: 1_000 }),
    ...(rule === "concurrency" && { retryAfterMs: 1_000 }),
    ...((rule === "rpm" || rule === "tpm" || rule === "starter_rate") && { retryAfterMs: retryAfterMs ?? 1_000 }),
  };
}
