import { expect, it } from "vitest";
import { makeCandidate, makeChat, makeOfferValue, makeProviderValue } from "@/e2e/support/gateway-values";
import type { JsonObject } from "@/lib/gateway/json-body";
import { timeoutsOf } from "@/lib/gateway/timeouts";

const seconds = (kind: string, upstreamModel: string, body: JsonObject) => {
  const candidate = makeCandidate(makeOfferValue({ provider: makeProviderValue({ kind }), upstreamModel }));
  const { firstByteMs, idleMs } = timeoutsOf(makeChat(body), candidate);
  return [firstByteMs / 1000, idleMs / 1000];
};

it.each<[string, string, JsonObject, number[]]>([
  ["openai-compatible", "any", { stream: true }, [60, 120]],
  ["openai-compatible", "any", {}, [600, 120]],
  ["openai", "gpt-4.1", { stream: true }, [60, 120]],
  ["openai", "gpt-5-mini", { stream: true }, [600, 600]],
  ["openai", "any", { stream: true, reasoning_effort: "high" }, [600, 600]],
  ["google", "gemini-2.5-pro", { stream: true }, [600, 600]],
  ["google", "gemini-2.5-pro", { stream: true, reasoning_effort: "high" }, [60, 120]],
  ["google", "gemini-2.0-flash", { stream: true }, [60, 120]],
  ["anthropic", "claude", { stream: true, reasoning_effort: "high" }, [60, 120]],
])("%s %s %o is waited for %o seconds", (kind, model, body, expected) => {
  expect(seconds(kind, model, body)).toEqual(expected);
});
