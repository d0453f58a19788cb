import { expect, test } from "vitest";
import { figuresOf, type RouteSums } from "@/lib/health/figures";
import { judgeServices, type ServicesNow } from "@/lib/health/service-state";

const NOTHING = { ok: 0, failed: 0, served: 0, unserved: 0, hourOk: 0, hourServed: 0 };
const route = { provider: "p", model: "m", offer: "o", usable: true, open: false };

function judge(given: Partial<ServicesNow> & { counts?: Partial<typeof NOTHING> }) {
  const { counts, ...rest } = given;
  const services = [
    { subject: "provider" as const, id: "p", name: "P" },
    { subject: "model" as const, id: "m", name: "M" },
  ];
  const recent = counts ? [{ offer: "o", ...NOTHING, ...counts }] : null;
  const judged = judgeServices({ services, routes: [route], recent, checks: null, ...rest });
  return judged.map(({ state }) => state);
}

test.each<[string, Parameters<typeof judge>[0], string[]]>([
  ["nobody asked: unknown, never up", {}, ["unknown", "unknown"]],
  ["a check tells about the provider alone", { checks: [{ provider: "p", ok: true }] }, ["up", "unknown"]],
  ["a check that failed", { checks: [{ provider: "p", ok: false }] }, ["degraded", "unknown"]],
  ["calls within the hour", { counts: { hourOk: 1, hourServed: 1 } }, ["up", "up"]],
  ["few failures say nothing", { counts: { ok: 1, failed: 3, hourOk: 1 } }, ["up", "unknown"]],
  [
    "one in twenty fails",
    { counts: { ok: 19, failed: 1, hourOk: 19, served: 20, hourServed: 20 } },
    ["degraded", "up"],
  ],
  ["everything fails", { counts: { failed: 9, unserved: 9 } }, ["down", "down"]],
  ["failover saved the calls", { counts: { failed: 9, served: 9, hourServed: 9 } }, ["down", "up"]],
  ["its only breaker is open", { routes: [{ ...route, open: true }] }, ["down", "down"]],
  ["no credential is usable", { routes: [{ ...route, usable: false }] }, ["down", "down"]],
  [
    "one of two breakers is open",
    { routes: [route, { ...route, open: true }], counts: { hourOk: 5, hourServed: 5 } },
    ["degraded", "degraded"],
  ],
  [
    "a second credential is out of use",
    { routes: [route, { ...route, usable: false }], counts: { hourOk: 5, hourServed: 5 } },
    ["up", "up"],
  ],
])("%s", (_, given, states) => {
  expect(judge(given)).toEqual(states);
});

test("figures of several routes come from added sums and histograms", () => {
  const sums = (latency: number[], more: Partial<RouteSums> = {}): RouteSums => ({
    ...{ ok: 0, failed: 0, limited: 0, refused: 0, neutral: 0, outputTokens: 0, generationMs: 0 },
    ...{ latency, firstToken: [0, 0, 0], ...more },
  });
  const bounds = [10, 100];
  expect(
    figuresOf(
      [
        sums([3, 0, 0], { ok: 3, outputTokens: 50, generationMs: 1_000 }),
        sums([0, 1, 0], {
          ok: 1,
          failed: 1,
          limited: 2,
          refused: 1,
          neutral: 4,
          outputTokens: 50,
          generationMs: 3_000,
        }),
      ],
      bounds,
    ),
  ).toEqual({
    ...{ attempts: 12, successShare: 0.5, limited: 2, tokensPerSecond: 25 },
    ...{ p50Ms: 7, p95Ms: 82, firstTokenP50Ms: null, firstTokenP95Ms: null },
  });
  expect(figuresOf([], bounds)).toMatchObject({ attempts: 0, successShare: null, p50Ms: null, tokensPerSecond: null });
});
