import { describe, expect, it, test } from "vitest";
import type { RefusalRule } from "@/lib/billing/wallet";
import { errorHeaders, openAIErrorBody } from "@/lib/errors";
import { refusalToError } from "@/lib/gateway/refusal";

const RESET = "2026-01-01T00:00:00.000Z";
const refuse = (rule: RefusalRule, more: object = {}) =>
  refusalToError(
    {
      granted: false,
      rule,
      scope: "key",
      limit: 60n,
      used: 60n,
      period: null,
      resetAt: RESET,
      retryAfterMs: 12_500,
      available: 2_500_000_000n,
      rates: null,
      ...more,
    },
    1_000_000n,
  );

const counts = { scope: "key", limit: 60, used: 60, reset_at: RESET };
const money = { scope: "key", limit: "0.00000006", used: "0.00000006", reset_at: RESET };

/** rule, status, code, x-should-retry, retry-after, limit */
it.each<[RefusalRule, number, string, string, string | undefined, object | undefined]>([
  ["key_revoked", 401, "invalid_api_key", "false", undefined, undefined],
  ["key_expired", 401, "invalid_api_key", "false", undefined, undefined],
  ["key_disabled", 403, "key_disabled", "false", undefined, undefined],
  ["org_suspended", 403, "org_suspended", "false", undefined, undefined],
  ["wallet_frozen", 403, "wallet_frozen", "false", undefined, undefined],
  ["concurrency", 429, "concurrency_limit_exceeded", "true", "1", { rule: "concurrency", ...counts }],
  ["rpm", 429, "rate_limit_exceeded", "true", "13", { rule: "rpm", ...counts }],
  ["tpm", 429, "rate_limit_exceeded", "true", "13", { rule: "tpm", ...counts }],
  ["tpm_too_large", 429, "tpm_too_large", "false", undefined, { rule: "tpm_too_large", ...counts }],
  ["starter_rate", 429, "rate_limit_exceeded", "true", "13", { rule: "starter_rate", ...counts }],
  ["budget", 402, "budget_exceeded", "false", undefined, { rule: "budget", ...money }],
  ["insufficient_credits", 402, "insufficient_quota", "false", undefined, { rule: "insufficient_credits", ...money }],
  ["restricted_credits", 402, "insufficient_quota", "false", undefined, { rule: "restricted_credits", ...money }],
  ["holds_only", 402, "insufficient_quota", "true", "1", { rule: "holds_only", ...money }],
  ["no_wallet", 402, "insufficient_quota", "false", undefined, { rule: "no_wallet", ...money }],
  ["idempotency_mismatch", 422, "idempotency_mismatch", "false", undefined, undefined],
  ["voided", 503, "unavailable", "true", undefined, undefined],
  ["fenced", 503, "unavailable", "true", undefined, undefined],
])("%s is %i %s", (rule, status, code, retry, retryAfter, limit) => {
  const error = refuse(rule);
  expect(error.status).toBe(status);
  const headers = errorHeaders(error);
  expect([headers["x-should-retry"], headers["retry-after"]]).toEqual([retry, retryAfter]);
  const body = openAIErrorBody(error).error;
  expect(body).toMatchObject({ code, param: null });
  expect(body.limit).toEqual(limit);
});

describe("what the client is told", () => {
  test("needed and available credit in USD", () => {
    const error = refuse("insufficient_credits", { scope: "org", limit: null, used: null });
    expect(error.message).toContain("up to $0.001 ");
    expect(error.message).toContain("$2.5 is available");
    expect(error.details.limit).toEqual({
      rule: "insufficient_credits",
      scope: "org",
      limit: "2.5",
      used: "0",
      reset_at: RESET,
    });
  });

  test("which limit of what", () => {
    expect(refuse("rpm", { scope: "app" }).message).toBe("This app may make 60 requests per minute, and has.");
    expect(refuse("budget", { scope: "self", period: "month", limit: 5_000_000_000n }).message).toBe(
      "The monthly limit that this organisation has set itself ($5) cannot cover this call. Raise it under Settings, or wait for its reset.",
    );
    expect(refuse("budget", { scope: "member", limit: 5_000_000_000n }).message).toContain(
      "The budget of this member ($5)",
    );
    expect(refuse("budget", { period: "day", limit: 5_000_000_000n }).message).toContain(
      "The daily budget of this key ($5)",
    );
    expect(refuse("tpm_too_large").message).toContain("max_tokens");
  });

  test("something sensible where the database said little", () => {
    const bare = { scope: null, limit: null, used: null, resetAt: null, retryAfterMs: null, available: null };
    expect(errorHeaders(refuse("rpm", bare))["retry-after-ms"]).toBe("1000");
    expect(refuse("insufficient_credits", bare).message).toContain("$0 is available");
    expect(refuse("concurrency", bare).details.limit).toEqual({
      rule: "concurrency",
      scope: "org",
      limit: 0,
      used: 0,
      reset_at: null,
    });
  });
});
