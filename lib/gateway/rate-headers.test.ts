import { expect, test } from "vitest";
import { rateHeaders } from "@/lib/gateway/rate-headers";

test("a key without rate limits hears nothing of them", () => {
  expect(rateHeaders(null, null)).toEqual({});
  expect(rateHeaders({ rpm: null, calls: 3, tpm: null, tokens: 9 }, { now: 0 })).toEqual({});
});

test("what is left is never negative", () => {
  expect(rateHeaders({ rpm: null, calls: 3, tpm: 100, tokens: 120 }, null)).toEqual({
    "x-ratelimit-limit-tokens": "100",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-tokens": "1m0s",
  });
});

test("Anthropic's clients read them in their own words, with resets as instants", () => {
  expect(rateHeaders({ rpm: 60, calls: 1, tpm: null, tokens: 0 }, { now: 0 })).toMatchObject({
    "x-ratelimit-remaining-requests": "59",
    "anthropic-ratelimit-requests-limit": "60",
    "anthropic-ratelimit-requests-remaining": "59",
    "anthropic-ratelimit-requests-reset": "1970-01-01T00:01:00.000Z",
  });
});
