import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { parseRates } from "@/lib/billing/pricing";
import { flatRates } from "@/lib/catalog/flat-rates";
import { PROVIDER_KIND_IDS } from "@/lib/catalog/provider-kinds";
import { findSeedModel, seedFile, seedModels } from "@/lib/catalog/seed";

const FOLDER = path.join(import.meta.dirname, "seed");
const files = readdirSync(FOLDER).map((file) => ({
  file,
  ...seedFile.parse(JSON.parse(readFileSync(path.join(FOLDER, file), "utf8"))),
}));

test("every provider that calls a network has its catalogue", () => {
  const kinds = PROVIDER_KIND_IDS.filter((kind) => kind !== "sandbox" && kind !== "openai-compatible");
  expect(files.map(({ kind }) => kind).sort()).toEqual([...kinds].sort());
  expect(seedModels()).toHaveLength(files.reduce((sum, { models }) => sum + models.length, 0));
});

describe.each(files)("$file", ({ kind, sources, models }) => {
  test("names each model once, with its modalities", () => {
    const ids = models.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(models.length).toBeGreaterThan(3);
  });

  test("every figure has a source with a date that is not ahead", () => {
    for (const { id, from, cost = {} } of models) {
      for (const part of ["facts", "limits", "cost"]) expect(from, `${kind} ${id}`).toHaveProperty(part);
      for (const [part, source] of Object.entries(from)) {
        expect(sources[source]?.date, `${id} ${part}`).toBeDefined();
        if (part.startsWith("cost.")) expect(cost, id).toHaveProperty(part.slice("cost.".length));
      }
    }
    for (const { date } of Object.values(sources)) expect(Date.parse(date)).toBeLessThan(Date.now());
  });

  test("absent is never 0: a zero stands only where the name says free", () => {
    for (const { id, cost } of models) {
      if (!cost || id.endsWith(":free")) continue;
      expect(
        [...flatRates(cost)].filter(([, rate]) => rate === 0n),
        id,
      ).toEqual([]);
    }
  });

  test("the pricing function reads every cost", () => {
    for (const { cost } of models) if (cost) expect(parseRates(cost)).toBeTruthy();
  });
});

describe("a model that a provider lists", () => {
  test.each([
    ["openai", "gpt-5.5", "gpt-5.5"],
    ["openai", "gpt-5.5-2026-04-23", "gpt-5.5-2026-04-23"],
    ["openai", "gpt-5.5-2031-01-01", "gpt-5.5"],
    ["anthropic", "claude-haiku-4-5", "claude-haiku-4-5"],
    ["anthropic", "claude-opus-4-8-20260528", "claude-opus-4-8"],
    ["ollama", "GLM-5.2:latest", "glm-5.2"],
    ["poe", "Claude-Opus-4.8", "anthropic/claude-opus-4.8"],
    ["doubao", "ep-20260101-abcde", null],
    ["openai-compatible", "gpt-5.5", null],
    ["deepseek", "gpt-5.5", null],
  ])("of %s, %s", (kind, upstreamModel, id) => {
    expect(findSeedModel(kind, upstreamModel)?.id ?? null).toBe(id);
  });

  test("comes with limits, cost and where they are from", () => {
    const found = findSeedModel("anthropic", "claude-opus-4-8");
    expect(found).toMatchObject({ contextWindow: 1_000_000, maxOutputTokens: 128_000, type: "chat" });
    expect(found?.sources.cost).toEqual({ name: "LiteLLM", url: expect.any(String), date: "2026-07-24" });
    expect(found?.cost).toEqual({
      ...{ input: "5000000000", output: "25000000000", cacheRead: "500000000" },
      ...{ cacheWrite: "6250000000", cacheWrite1h: "10000000000" },
    });
  });

  test("says on which rates its sources are apart", () => {
    expect(findSeedModel("deepseek", "deepseek-chat")?.disputed).toContain("input");
  });
});
