import { describe, expect, it, test } from "vitest";
import { AppError, asAppError, ERRORS, type ErrorCode, errorHeaders, openAIErrorBody } from "@/lib/errors";

const CODES = Object.keys(ERRORS) as ErrorCode[];

describe.each(CODES)("%s", (code) => {
  test("has the four keys that clients read, and tells SDKs whether to try again", () => {
    const error = new AppError(code, "Because.");
    expect(Object.keys(openAIErrorBody(error).error)).toEqual(["message", "type", "param", "code"]);
    expect(errorHeaders(error)["x-should-retry"]).toMatch(/^(true|false)$/);
    expect(error.status).toBeGreaterThanOrEqual(400);
    // SDKs would repeat a 408 whatever else we say
    expect(error.status).not.toBe(408);
  });
});

test("only what costs nothing and may soon succeed is worth trying again", () => {
  expect(CODES.filter((code) => ERRORS[code].retry).sort()).toEqual([
    "concurrency_limit_exceeded",
    "idempotency_in_flight",
    "overloaded",
    "rate_limit_exceeded",
    "unavailable",
  ]);
});

test("an unforeseen error shows nothing of itself", () => {
  const error = asAppError(new Error("password is hunter2"));
  expect(error).toMatchObject({ code: "internal_error", status: 500 });
  expect(JSON.stringify([openAIErrorBody(error), errorHeaders(error)])).not.toContain("hunter2");
  expect(error.details.cause).toBeInstanceOf(Error);
  const own = new AppError("conflict", "Twice.");
  expect(asAppError(own)).toBe(own);
});

test("parameter and limit are shown, the cause is not", () => {
  const limit = { rule: "rpm", scope: "key", limit: 60, used: 60, reset_at: null };
  const error = new AppError("rate_limit_exceeded", "Too many.", { param: "x", limit, cause: new Error("inner") });
  expect(openAIErrorBody(error)).toEqual({
    error: { message: "Too many.", type: "rate_limit_error", param: "x", code: "rate_limit_exceeded", limit },
  });
});

describe("retry headers", () => {
  it.each([
    [undefined, undefined, undefined],
    [0, "1", "0"],
    [1, "1", "1"],
    [1_000, "1", "1000"],
    [1_000.2, "2", "1001"],
    [59_001, "60", "59001"],
  ])("a wait of %s ms", (retryAfterMs, seconds, milliseconds) => {
    const headers = errorHeaders(new AppError("overloaded", "", retryAfterMs === undefined ? {} : { retryAfterMs }));
    expect([headers["retry-after"], headers["retry-after-ms"]]).toEqual([seconds, milliseconds]);
  });

  test("a call may overrule its table, and add headers", () => {
    const headers = errorHeaders(new AppError("overloaded", "", { retry: false, headers: { allow: "GET" } }));
    expect(headers).toEqual({ "x-should-retry": "false", allow: "GET" });
  });
});
