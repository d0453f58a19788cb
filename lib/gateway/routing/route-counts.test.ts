import { expect, test } from "vitest";
import { makeCredentialValue, makeOfferValue } from "@/e2e/support/gateway-values";
import { findProvider } from "@/lib/gateway/providers/registry";
import type { Candidate } from "@/lib/gateway/routing/candidates";
import { LATENCY_BOUNDS_MS, RouteCounts } from "@/lib/gateway/routing/route-counts";

const candidate = (credential: string | null = "c1"): Candidate => ({
  // safe because the kind is one of ours
  definition: findProvider("openai-compatible") as Candidate["definition"],
  offer: makeOfferValue({ id: "o1" }),
  credential: credential === null ? null : makeCredentialValue({ id: credential }),
});
const took = { latencyMs: 1_000, firstTokenMs: 400, outputTokens: 60, tokens: 100 };

test("attempts are counted by route, with what successful ones took", () => {
  const counts = new RouteCounts();
  counts.note(candidate(), "ok", null, took);
  counts.note(candidate(), "failed", "server", { ...took, latencyMs: 1 });
  counts.note(candidate(), "neutral", "invalid_request", took);
  counts.note(candidate(null), "ok", null, { ...took, firstTokenMs: null });
  counts.noteCall(candidate(), true);
  const [one, other] = counts.take();
  expect(one).toMatchObject({
    ...{ offer: "o1", credential: "c1", ok: 1, failed: 1, neutral: 1, served: 1, unserved: 0, error: "server" },
    ...{ output_tokens: 60, generation_ms: 600 },
  });
  expect(one?.latency.reduce((sum, count) => sum + count)).toBe(1);
  expect(one?.latency[LATENCY_BOUNDS_MS.findIndex((bound) => bound > 1_000)]).toBe(1);
  expect(other).toMatchObject({ credential: null, ok: 1, output_tokens: 0, generation_ms: 0 });
  expect(counts.take()).toEqual([]);
});

test("what could not be told is told with what came since", () => {
  const counts = new RouteCounts();
  counts.note(candidate(), "ok", null, took);
  counts.note(candidate("c2"), "limited", "rate_limited", null);
  const taken = counts.take();
  counts.note(candidate(), "ok", null, took);
  counts.restore(taken);
  const again = counts.take();
  expect(again.map(({ credential, ok, limited, output_tokens }) => [credential, ok, limited, output_tokens])).toEqual([
    ["c1", 2, 0, 120],
    ["c2", 0, 1, 0],
  ]);
  expect(again[0]?.first_token.reduce((sum, count) => sum + count)).toBe(2);
});
