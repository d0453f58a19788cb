import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { SimulatedKind } from "@/e2e/support/providers/simulators";
import type { RequestRecord } from "@/e2e/support/providers/truth";
import { exclusionOf, MATRIX_FEATURES, MATRIX_KINDS, type MatrixFeature } from "@/lib/catalog/compatibility";
import type { ProviderKindId } from "@/lib/catalog/provider-kinds";
import { newId } from "@/lib/ids";
import { toUsdNumber } from "@/lib/money";
import type { DoorName } from "./doors";
import { type ContractHub, startContractHub, type Tenant } from "./hub";
import type { Ask, DialectColumn, Told } from "./matrix";
import { aigneColumn } from "./matrix-aigne";
import { anthropicMessagesColumn } from "./matrix-anthropic-messages";
import { openAIChatColumn } from "./matrix-openai-chat";
import { openAIResponsesColumn } from "./matrix-openai-responses";

export const COLUMNS: readonly DialectColumn[] = [
  openAIChatColumn,
  openAIResponsesColumn,
  anthropicMessagesColumn,
  aigneColumn,
];

/** Every protocol against every kind of provider through one door. A cell that is listed as impossible and passes is a failure
 *  too: the list is what the compatibility page shows. Cells run side by side; each knows its calls by a mark in their text. */
export function describeMatrix(door: DoorName): void {
  let hub: ContractHub;

  beforeAll(async () => {
    hub = await startContractHub();
    // a failure spends its provider, and every cell asks for it plain and streamed
    await hub.prepareModels(
      MATRIX_KINDS,
      COLUMNS.flatMap(() => [...SCENARIOS, ...SCENARIOS]),
    );
  });
  afterAll(() => hub.stop());

  describe.each(COLUMNS)(`${door} door, $name`, (dialect) => {
    let tenant: Tenant;
    beforeAll(async () => {
      tenant = await hub.tenant();
    });
    afterAll(() => hub.assertHealthy(tenant));

    describe.concurrent.each(MATRIX_KINDS)("%s", (kind) => {
      const cells = MATRIX_FEATURES.map((feature) => ({ feature, excluded: exclusionOf(dialect.name, kind, feature) }));
      const run = (feature: MatrixFeature) => CHECKS[feature](new Cell(hub, tenant, { dialect, door, kind }));
      test.each(cells.filter(({ excluded }) => excluded === null))("$feature", ({ feature }) => run(feature));
      const excluded = cells.filter((cell) => cell.excluded !== null);
      if (excluded.length > 0)
        test.each(excluded)("$feature is impossible: $excluded", async ({ feature }) => {
          await expect(run(feature)).rejects.toThrow();
        });
    });
  });
}

/** One cell: a client that speaks `dialect` calls a model of a provider of this kind through a door. */
class Cell {
  readonly #mark = newId("cell");
  readonly kind: ProviderKindId;

  constructor(
    readonly hub: ContractHub,
    private readonly tenant: Tenant,
    private readonly at: { dialect: DialectColumn; door: DoorName; kind: ProviderKindId },
  ) {
    this.kind = at.kind;
  }

  get isSandbox(): boolean {
    return this.kind === "sandbox";
  }

  async ask(scenario: string, { text = "say some words", ...ask }: Partial<Ask> = {}): Promise<Told> {
    const model = await this.hub.modelOf(this.kind, scenario);
    const { dialect, door } = this.at;
    const at = { hub: this.hub, door, key: this.tenant.key };
    return dialect.send(at, model, { text: `${text} ${this.#mark}`, ...ask });
  }

  async leave(scenario: string): Promise<{ requestId: string }> {
    const model = await this.hub.modelOf(this.kind, scenario);
    const { dialect, door } = this.at;
    const text = `${this.#mark} ${"go on ".repeat(400)}`;
    return dialect.leave({ hub: this.hub, door, key: this.tenant.key }, model, { text });
  }

  /** How the dialect says one of our errors. */
  errorOf(status: number, code: string | null): { status: number; code: string | null } {
    return this.at.dialect.errorOf?.(status, code) ?? { status, code };
  }

  /** The cell's last request as the upstream saw it; null for the sandbox. */
  async truth(): Promise<RequestRecord | null> {
    if (this.isSandbox) return null;
    const { requests } = await this.hub.truthOf(this.kind as SimulatedKind);
    const found = requests.findLast(({ bodyText }) => bodyText.includes(this.#mark));
    if (!found) throw new Error("the upstream saw no such call");
    return found;
  }

  /** The receipt says what the upstream says, and the client was told that price. */
  async expectPaid(told: Told): Promise<void> {
    const event = await this.hub.settled(told.requestId);
    expect(event).toMatchObject({ outcome: "ok", usageSource: "reported" });
    const truth = await this.truth();
    if (truth) expect(event.priceNano).toBe(this.hub.priceOf(truth));
    expect(event.priceNano).toBeGreaterThan(0n);
    expect(told.cost).toBe(toUsdNumber(event.priceNano));
  }

  async expectUnpaid(told: Told): Promise<void> {
    expect(await this.hub.settled(told.requestId)).toMatchObject({ priceNano: 0n });
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

const CHECKS: Record<MatrixFeature, (cell: Cell) => Promise<void>> = {
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
  longStream: async (cell) => {
    const told = await cell.ask("split-bytes:size=61,tokens=40", { stream: true });
    expect(told).toMatchObject({ status: 200, finish: "stop" });
    if (!cell.isSandbox) expect(told.text).toContain("日本");
    await cell.expectPaid(told);
  },
  tools: async (cell) => {
    const told = await cell.ask("tools-parallel", { tools: true, text: "get_weather" });
    await expectWeather(cell, told);
  },
  toolsStreamed: async (cell) => {
    const told = await cell.ask("tools-parallel", { tools: true, text: "get_weather", stream: true });
    await expectWeather(cell, told);
  },
  toolWithoutArguments: async (cell) => {
    for (const stream of [false, true]) {
      const told = await cell.ask("tool-no-args", { tools: true, text: "get_time", stream });
      expect(told).toMatchObject({ finish: "tools", calls: [{ id: expect.any(String), name: "get_time", input: {} }] });
      await cell.expectPaid(told);
    }
  },
  toolLoop: async (cell) => {
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
  structuredOutput: async (cell) => {
    const told = await cell.ask("text", { schema: SCHEMA });
    expect(told.status).toBe(200);
    const truth = await cell.truth();
    if (truth) expect(truth.bodyText).toContain("celsius");
    else expect(JSON.parse(told.text)).toEqual({ celsius: "example" });
    await cell.expectPaid(told);
  },
  imageInput: async (cell) => {
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
  reasoningLoop: async (cell) => {
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
    const told = await cell.ask("text", { stop: ["HALT"], text: cell.isSandbox ? "one HALT two" : "say some words" });
    expect(told).toMatchObject({ status: 200, finish: "stop" });
    const truth = await cell.truth();
    if (truth) expect(truth.bodyText).toContain("HALT");
    else expect(told.text).toMatch(/one$/);
    await cell.expectPaid(told);
  },
  limit: async (cell) => {
    const told = await cell.ask("text", { maxTokens: 5 });
    expect(told).toMatchObject({ finish: "length", outputTokens: 5 });
    await cell.expectPaid(told);
  },
  cachedInput: async (cell) => {
    for (const stream of [false, true]) {
      const told = await cell.ask("usage-cached:read=100", { stream });
      const event = await cell.hub.settled(told.requestId);
      expect(event.cacheReadTokens).toBe(100);
      expect(told.inputTokens).toBe(event.inputTokens + 100);
      await cell.expectPaid(told);
    }
  },
  error400: (cell) => expectError(cell, "error:400", 400),
  error401: (cell) => expectError(cell, "error:401", 503, "provider_unavailable"),
  error404: (cell) => expectError(cell, "error:404", 502, "upstream_error"),
  error429: (cell) => expectError(cell, "error:429", 503, "overloaded"),
  error500: (cell) => expectError(cell, "error:500", 502, "upstream_error"),
  error529: (cell) => expectError(cell, "error:529", 503, "overloaded"),
  contextTooLong: (cell) => expectError(cell, "context-length", 400, "context_length_exceeded"),
  cutStream: (cell) => expectBroken(cell, "cut:after=3"),
  resetStream: (cell) => expectBroken(cell, "reset:after=3"),
  midStreamFailure: (cell) => expectBroken(cell, "error-midstream:after=3"),
  disconnect: async (cell) => {
    const { requestId } = await cell.leave(cell.isSandbox ? "text" : "endless:interval=5");
    const event = await cell.hub.settled(requestId);
    expect(event.outcome).toBe("client_gone");
    expect(event.priceNano).toBeGreaterThan(0n);
    if (!cell.isSandbox)
      await vi.waitFor(async () => expect((await cell.truth())?.outcome).toBe("client-gone"), { timeout: 5_000 });
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
  const expected = cell.errorOf(status, code ?? null);
  for (const stream of [false, true]) {
    const told = await cell.ask(scenario, { stream });
    expect([told.status, code && told.errorCode], JSON.stringify(told)).toEqual([
      expected.status,
      code && expected.code,
    ]);
    await cell.expectUnpaid(told);
  }
}

async function expectBroken(cell: Cell, scenario: string): Promise<void> {
  const told = await cell.ask(scenario, { stream: true });
  expect(told).toMatchObject({ status: 200, finish: "error", errorCode: expect.any(String) });
  expect(told.text).toMatch(WORDS);
  const event = await cell.hub.settled(told.requestId);
  expect(event).toMatchObject({ outcome: "cut", outputTokens: 3 });
  expect(event.inputTokens).toBeGreaterThan(0);
}

/** What the upstreams are asked to play. */
const SCENARIOS = [
  ...["text", "split-bytes:size=61,tokens=40", "tools-parallel", "tool-no-args", "reasoning", "think-then-tool"],
  ...["usage-cached:read=100", "error:400", "error:401", "error:404", "error:429", "error:500", "error:529"],
  ...["context-length", "cut:after=3", "reset:after=3", "error-midstream:after=3", "endless:interval=5"],
];
