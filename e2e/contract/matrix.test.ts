import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SimulatedKind } from "@/e2e/support/providers/simulators";
import type { RequestRecord } from "@/e2e/support/providers/truth";
import { PROVIDER_KIND_IDS, type ProviderKindId } from "@/lib/catalog/provider-kinds";
import { toUsdNumber } from "@/lib/money";
import type { DoorName } from "./doors";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";
import {
  type Ask,
  type DialectColumn,
  FEATURES,
  type Feature,
  IMPOSSIBLE,
  impossibleReason,
  KINDS,
  type Told,
} from "./matrix";
import { aigneColumn } from "./matrix-aigne";
import { openAIChatColumn } from "./matrix-openai-chat";

const DIALECTS: readonly DialectColumn[] = [openAIChatColumn, aigneColumn];

/** Every dialect through both doors with MATRIX=all; else the first alone goes through both, as the doors know no dialect. */
const COLUMNS = DOORS.flatMap((door) =>
  DIALECTS.filter((_dialect, index) => process.env.MATRIX === "all" || door === "fast" || index === 0).map(
    (dialect) => ({ door, dialect, name: dialect.name }),
  ),
);

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
});
afterAll(() => hub.stop());

/** One cell: a client that speaks `dialect` calls a model of a provider of this kind through a door. */
class Cell {
  constructor(
    private readonly dialect: DialectColumn,
    private readonly door: DoorName,
    readonly kind: ProviderKindId,
  ) {}

  get isSandbox(): boolean {
    return this.kind === "sandbox";
  }

  async ask(scenario: string, ask: Omit<Ask, "text"> & { text?: string } = {}): Promise<Told> {
    const model = await hub.modelOf(this.kind, scenario);
    return this.dialect.send({ hub, door: this.door, key: tenant.key }, model, { text: "say some words", ...ask });
  }

  async leave(scenario: string): Promise<{ requestId: string }> {
    const model = await hub.modelOf(this.kind, scenario);
    return this.dialect.leave({ hub, door: this.door, key: tenant.key }, model, { text: "go on ".repeat(400) });
  }

  /** The last request as the upstream saw it; null for the sandbox. */
  async truth(): Promise<RequestRecord | null> {
    if (this.isSandbox) return null;
    return (await hub.truthOf(this.kind as SimulatedKind)).last ?? null;
  }

  /** The receipt says what the upstream says, and the client was told that price. */
  async expectPaid(told: Told): Promise<void> {
    const event = await hub.settled(told.requestId);
    expect(event).toMatchObject({ outcome: "ok", usageSource: "reported" });
    const truth = await this.truth();
    if (truth) expect(event.priceNano).toBe(hub.priceOf(truth));
    expect(event.priceNano).toBeGreaterThan(0n);
    expect(told.cost).toBe(toUsdNumber(event.priceNano));
  }

  async expectUnpaid(told: Told): Promise<void> {
    expect(await hub.settled(told.requestId)).toMatchObject({ priceNano: 0n });
  }
}

const WORDS = /^amber anchor apple/;
/** One pixel. */
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const SCHEMA = {
  type: "object",
  properties: { celsius: { type: "string" } },
  required: ["celsius"],
  additionalProperties: false,
};

/** What these simulators sign their thoughts with, and real providers want back with the results of their tools. */
const SIGNATURES: Partial<Record<ProviderKindId, string>> = {
  anthropic: "EqQBCgIYAhIMc2ltdWxhdGVkIHNpZ25hdHVyZQ==",
  bedrock: "EqQBCgIYAhIMc2ltdWxhdGVkIHNpZ25hdHVyZQ==",
  google: "CiQBVKhc7simulatedThoughtSignature==",
};

const CHECKS: Record<Feature, (cell: Cell) => Promise<void>> = {
  plain: async (cell) => {
    const told = await cell.ask("text");
    expect(told).toMatchObject({ status: 200, finish: "stop", calls: [], errorCode: null });
    expect(told.text).toMatch(cell.isSandbox ? /./ : WORDS);
    if (!cell.isSandbox) expect(told.outputTokens).toBe(12);
    await cell.expectPaid(told);
  },
  stream: async (cell) => {
    const told = await cell.ask("text", { stream: true });
    expect(told).toMatchObject({ status: 200, finish: "stop", calls: [], errorCode: null });
    expect(told.text).toMatch(cell.isSandbox ? /./ : WORDS);
    await cell.expectPaid(told);
  },
  "long stream": async (cell) => {
    const told = await cell.ask("split-bytes:size=7,tokens=120", { stream: true });
    expect(told).toMatchObject({ status: 200, finish: "stop" });
    if (!cell.isSandbox) expect(told.text).toContain("日本");
    await cell.expectPaid(told);
  },
  tools: async (cell) => {
    const told = await cell.ask("tools-parallel", { tools: true, text: "get_weather" });
    await expectWeather(cell, told);
  },
  "tools streamed": async (cell) => {
    const told = await cell.ask("tools-parallel", { tools: true, text: "get_weather", stream: true });
    await expectWeather(cell, told);
  },
  "tool without arguments": async (cell) => {
    for (const stream of [false, true]) {
      const told = await cell.ask("tool-no-args", { tools: true, text: "get_time", stream });
      expect(told).toMatchObject({ finish: "tools", calls: [{ id: expect.any(String), name: "get_time", input: {} }] });
      await cell.expectPaid(told);
    }
  },
  "tool loop": async (cell) => {
    for (const stream of [false, true]) {
      const assistant = await cell.ask("tools-parallel", { tools: true, text: "get_weather", stream });
      const results = assistant.calls.map((_call, index) => `sunny-${index}`);
      const told = await cell.ask("text", { tools: true, stream, toolTurn: { assistant, results } });
      expect(told).toMatchObject({ status: 200, finish: "stop" });
      const truth = await cell.truth();
      if (truth) for (const result of results) expect(truth.bodyText).toContain(result);
      else expect(told.text).toContain("sunny-0");
      await cell.expectPaid(told);
    }
  },
  "structured output": async (cell) => {
    const told = await cell.ask("text", { schema: SCHEMA });
    expect(told.status).toBe(200);
    const truth = await cell.truth();
    if (truth) expect(truth.bodyText).toContain("celsius");
    else expect(JSON.parse(told.text)).toEqual({ celsius: "example" });
    await cell.expectPaid(told);
  },
  "image input": async (cell) => {
    const told = await cell.ask("text", { image: PNG });
    expect(told).toMatchObject({ status: 200, finish: "stop" });
    const truth = await cell.truth();
    if (truth) expect(truth.bodyText).toContain(PNG);
    await cell.expectPaid(told);
  },
  reasoning: async (cell) => {
    for (const stream of [false, true]) {
      const told = await cell.ask("reasoning", { effort: "low", stream });
      expect(told).toMatchObject({ finish: "stop", reasoning: expect.stringMatching(/^think think/) });
      expect(told.text).toMatch(WORDS);
      await cell.expectPaid(told);
    }
  },
  "reasoning in a tool loop": async (cell) => {
    for (const stream of [false, true]) {
      const assistant = await cell.ask("think-then-tool", { tools: true, effort: "low", stream });
      expect(assistant).toMatchObject({ finish: "tools", calls: [{ name: "get_weather", input: { city: "Paris" } }] });
      expect(assistant.reasoning).toMatch(/^think/);
      const told = await cell.ask("text", {
        tools: true,
        effort: "low",
        stream,
        toolTurn: { assistant, results: ["sunny"] },
      });
      expect(told).toMatchObject({ status: 200, finish: "stop" });
      const sent = (await cell.truth())?.bodyText ?? "";
      expect(sent).toContain(SIGNATURES[cell.kind] ?? "think");
      // how we carry it through the client is nobody's business upstream
      expect(sent).not.toContain("aigne1");
      await cell.expectPaid(told);
    }
  },
  stop: async (cell) => {
    const told = await cell.ask("text", { stop: ["HALT"] });
    expect(told).toMatchObject({ status: 200, finish: "stop" });
    const truth = await cell.truth();
    if (truth) expect(truth.bodyText).toContain("HALT");
    await cell.expectPaid(told);
  },
  limit: async (cell) => {
    const told = await cell.ask("text", { maxTokens: 5 });
    expect(told).toMatchObject({ finish: "length", outputTokens: 5 });
    await cell.expectPaid(told);
  },
  "cached input": async (cell) => {
    for (const stream of [false, true]) {
      const told = await cell.ask("usage-cached:read=100", { stream });
      const event = await hub.settled(told.requestId);
      expect(event.cacheReadTokens).toBe(100);
      expect(told.inputTokens).toBe(event.inputTokens + 100);
      await cell.expectPaid(told);
    }
  },
  "error 400": (cell) => expectError(cell, "error:400", 400),
  "error 401": (cell) => expectError(cell, "error:401", 503, "provider_unavailable"),
  "error 404": (cell) => expectError(cell, "error:404", 502, "upstream_error"),
  "error 429": (cell) => expectError(cell, "error:429", 503, "overloaded"),
  "error 500": (cell) => expectError(cell, "error:500", 502, "upstream_error"),
  "error 529": (cell) => expectError(cell, "error:529", 503, "overloaded"),
  "context too long": (cell) => expectError(cell, "context-length", 400, "context_length_exceeded"),
  "cut stream": (cell) => expectBroken(cell, "cut:after=3"),
  "reset stream": (cell) => expectBroken(cell, "reset:after=3"),
  "failure in mid-stream": (cell) => expectBroken(cell, "error-midstream:after=3"),
  disconnect: async (cell) => {
    const { requestId } = await cell.leave(cell.isSandbox ? "text" : "endless:interval=5");
    const event = await hub.settled(requestId);
    expect(event.outcome).toBe("client_gone");
    expect(event.priceNano).toBeGreaterThan(0n);
    if (!cell.isSandbox)
      await expect.poll(async () => (await cell.truth())?.outcome, { timeout: 5_000 }).toBe("client-gone");
  },
};

async function expectWeather(cell: Cell, told: Told): Promise<void> {
  const cities = cell.isSandbox ? ["example"] : ["Paris", "Tokyo"];
  expect(told).toMatchObject({
    finish: "tools",
    calls: cities.map((city) => ({ name: "get_weather", input: { city } })),
  });
  expect(new Set(told.calls.map(({ id }) => id)).size).toBe(cities.length);
  await cell.expectPaid(told);
}

async function expectError(cell: Cell, scenario: string, status: number, code?: string): Promise<void> {
  for (const stream of [false, true]) {
    const told = await cell.ask(scenario, { stream });
    expect(told).toMatchObject({ status, ...(code && { errorCode: code }) });
    await cell.expectUnpaid(told);
  }
}

async function expectBroken(cell: Cell, scenario: string): Promise<void> {
  const told = await cell.ask(scenario, { stream: true });
  expect(told).toMatchObject({ status: 200, finish: "error", errorCode: expect.any(String) });
  expect(told.text).toMatch(WORDS);
  const event = await hub.settled(told.requestId);
  expect(event).toMatchObject({ outcome: "cut", outputTokens: 3 });
  expect(event.inputTokens).toBeGreaterThan(0);
}

test("the columns are all kinds, and each impossible cell is one of them", () => {
  expect(new Set(KINDS)).toEqual(new Set(PROVIDER_KIND_IDS));
  for (const { kind, dialect, features, reason } of IMPOSSIBLE) {
    if (kind) expect(KINDS).toContain(kind);
    if (dialect) expect(DIALECTS.map(({ name }) => name)).toContain(dialect);
    for (const feature of features) expect(FEATURES).toContain(feature);
    expect(reason).not.toBe("");
  }
});

describe.each(COLUMNS)("$door door, $name", ({ door, dialect }) => {
  describe.each(KINDS)("%s", (kind) => {
    beforeAll(async () => {
      tenant = await hub.tenant();
    });
    const possible = FEATURES.filter((feature) => impossibleReason(dialect.name, kind, feature) === null);
    test.each(possible)("%s", (feature) => CHECKS[feature](new Cell(dialect, door, kind)));
    test("the books of these calls balance", () => hub.assertHealthy(tenant));
  });
});
