import { randomBytes } from "node:crypto";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import Anthropic, { type ClientOptions as AnthropicOptions } from "@anthropic-ai/sdk";
import OpenAI, { type ClientOptions } from "openai";
import { expect, vi } from "vitest";
import { assertHealthy, assertRerated, type TestDatabase, testDatabase } from "@/e2e/support/database";
import {
  type HubSecrets,
  type KeyOptions,
  type KeyRow,
  type ModelText,
  makeKey,
  makeModel,
  makeOrg,
  makeProvider,
  type OfferText,
  type OrgRow,
  type PriceText,
  type ProviderRow,
} from "@/e2e/support/fixtures";
import { startAnthropicSimulator } from "@/e2e/support/providers/anthropic";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import type { Simulator } from "@/e2e/support/providers/server";
import { SIMULATORS, type SimulatedKind, simulatedSecret } from "@/e2e/support/providers/simulators";
import type { RequestRecord, Truth } from "@/e2e/support/providers/truth";
import type { ProviderKindId } from "@/lib/catalog/provider-kinds";
import { newId } from "@/lib/ids";
import { generateKey } from "@/lib/keys/secret";
import { parseUsd } from "@/lib/money";
import type { Sql } from "@/lib/pg";
import { generateSecretsKeyPair } from "@/lib/secrets";
import { type Door, type DoorName, type OpenDoors, openDoors } from "./doors";
import { readCall, type SettledCall } from "./settled-call";

export const DOORS = ["fast", "portable"] as const satisfies readonly DoorName[];

/** Whole nano-USD per token, so that a price is a sum of products with nothing to round. */
export const PRICE: PriceText = { input: "1", output: "4", cacheRead: "0.1", cacheWrite: "1.25", cacheWrite1h: "2" };
export const COST: PriceText = { input: "0.5", output: "2", cacheRead: "0.05", cacheWrite: "0.6", cacheWrite1h: "1" };

export type Tenant = { org: OrgRow; key: string };
type OfferOptions = Pick<OfferText, "priority" | "weight" | "capabilities" | "contextWindow" | "timeouts" | "cost">;
type Offers = string | (string | ({ upstreamModel: string; provider?: ProviderRow } & OfferOptions))[];
type ModelOptions = { secrets?: Record<string, string>[] } & Pick<
  ModelText,
  "id" | "aliases" | "type" | "fallbacks" | "capabilities" | "contextWindow" | "maxOutputTokens"
> & {
    price?: PriceText | null;
    provider?: ProviderRow;
  };

/** One gateway behind both doors, its own database, and one simulator per wire. */
export type ContractHub = Awaited<ReturnType<typeof startContractHub>>;

export async function startContractHub() {
  const [database, openaiUpstream, anthropicUpstream, keys] = await Promise.all([
    testDatabase(),
    startOpenAISimulator(),
    startAnthropicSimulator(),
    generateSecretsKeyPair(),
  ]);
  const secrets: HubSecrets = { keyPepper: randomBytes(32).toString("hex"), secretsPublicKey: keys.publicKey };
  const openaiProvider = await makeProvider(database.pool, secrets, {
    kind: "openai",
    baseUrl: openaiUpstream.baseUrl,
  });
  const anthropicProvider = await makeProvider(database.pool, secrets, {
    kind: "anthropic",
    baseUrl: anthropicUpstream.baseUrl,
  });
  const doors = await openDoors({ database, keyPepper: secrets.keyPepper, secretsKey: keys.secretKey });
  return new Hub(database, secrets, doors, { openaiUpstream, anthropicUpstream, openaiProvider, anthropicProvider });
}

class Hub {
  readonly openaiProvider: ProviderRow;
  readonly anthropicProvider: ProviderRow;
  readonly openaiTruth: Truth;
  readonly anthropicTruth: Truth;
  readonly #database: TestDatabase;
  readonly #secrets: HubSecrets;
  readonly #doors: OpenDoors;
  readonly #upstreams: Upstreams;
  readonly #keyIds = new Map<string, string>();
  readonly #attempts = new Map<string, number>();
  readonly #models = new Map<string, Promise<string>>();
  readonly #prepared = new Map<string, string[]>();
  readonly #wires = new Map<SimulatedKind, Promise<Simulator>>();

  constructor(database: TestDatabase, secrets: HubSecrets, doors: OpenDoors, upstreams: Upstreams) {
    this.#database = database;
    this.#secrets = secrets;
    this.#doors = doors;
    this.#upstreams = upstreams;
    this.openaiProvider = upstreams.openaiProvider;
    this.anthropicProvider = upstreams.anthropicProvider;
    this.openaiTruth = upstreams.openaiUpstream.truth;
    this.anthropicTruth = upstreams.anthropicUpstream.truth;
  }

  /** An organisation of its own with `creditUsd` and one key. */
  async tenant({ creditUsd = "1000" }: { creditUsd?: string } = {}): Promise<Tenant> {
    const org = await makeOrg(this.#database.pool, { creditUsd });
    return { org, key: await this.keyOf({ org }, {}) };
  }

  async keyOf({ org }: Pick<Tenant, "org">, options: KeyOptions): Promise<string> {
    const row: KeyRow = await makeKey(this.#database.pool, this.#secrets, org, options);
    this.#keyIds.set(row.key, row.id);
    return row.key;
  }

  /** Well formed, and nobody's. */
  unknownKey(): string {
    return generateKey("sk");
  }

  managementKey(): string {
    return generateKey("mk");
  }

  async revoke(key: string): Promise<void> {
    await this.#database.pool.query("update api_key set status = 'revoked', revoked_at = now() where id = $1", [
      this.#keyIds.get(key),
    ]);
  }

  /** Limits of the tenant's first key, as `set_limits` takes them: counts, budgets in nano-USD by period. */
  async limit({ org, key }: Tenant, limits: Record<string, number>): Promise<void> {
    await this.#database.pool.query("select set_limits($1, 'key', $2, $3)", [
      org.id,
      this.#keyIds.get(key),
      JSON.stringify(limits),
    ]);
  }

  /** An agreed price: the list's rates in force, times `factorBp`. */
  async orgFactor({ org }: Tenant, model: string, factorBp: number): Promise<void> {
    await this.#database.pool.query(
      `insert into price_version (subject, subject_id, org_id, rates, factor_bp, content_hash, source, created_by)
       select subject, subject_id, $2, rates, $3, content_hash || ':' || $2::text, source, created_by from price_version
       where subject = 'model' and subject_id = $1 and org_id is null order by effective_from desc, id desc limit 1`,
      [model, org.id, factorBp],
    );
  }

  /** Starter credit is restricted promotional credit; what a purchase brings is paid. */
  async grant({ org }: Tenant, kind: "starter" | "paid", amountUsd: string): Promise<void> {
    await this.#database.pool.query("select grant_credit($1, $2, $3, $4, 'test', 'test credit', null, $5)", [
      ...[org.id, parseUsd(amountUsd).toString(), kind === "paid" ? "paid" : "promo", newId("lot"), kind === "starter"],
    ]);
  }

  /** A hold as a call that still runs has it. */
  async holdOpen({ org, key }: Tenant, id: string, amountUsd = "0.000000001"): Promise<void> {
    const amount = parseUsd(amountUsd).toString();
    const item = {
      ...{ org: org.id, id, key: this.#keyIds.get(key), app: "app_test", model: "m", ctx: {}, input_hash: id },
      ...{ amount, min_amount: amount, unit_rate: "0", tokens_estimate: 1, restricted_ok: true },
    };
    await this.#database.pool.query("select * from authorize_batch($1::jsonb, 'contract', 1, '2 minutes')", [
      JSON.stringify([item]),
    ]);
  }

  async voidOpen(id: string): Promise<void> {
    await this.#database.pool.query("select * from void_holds($1::text[], 'contract', 1)", [[id]]);
  }

  async freeze({ org }: Tenant, reason: string): Promise<void> {
    await this.#database.pool.query("update wallet set status = 'frozen', freeze_reason = $2 where org_id = $1", [
      org.id,
      reason,
    ]);
  }

  /** An OpenAI-shaped provider with these API keys, in order; the simulator refuses one that contains `bad`. */
  provider(apiKeys: string[]): Promise<ProviderRow> {
    return makeProvider(this.#database.pool, this.#secrets, {
      kind: "openai",
      baseUrl: this.#upstreams.openaiUpstream.baseUrl,
      apiKeys,
    });
  }

  /** A model served by relay; several offers are tried in the order given. */
  async relayModel(offers: Offers, options: ModelOptions = {}): Promise<string> {
    // what an upstream error does to a credential must not reach the other tests
    const isolated = JSON.stringify(offers).match(/error|quota/) !== null;
    return this.#model(
      offers,
      options.provider ?? (isolated ? await this.provider(["sk-simulated"]) : this.openaiProvider),
      options,
    );
  }

  /** A model served by translation to Anthropic's wire. */
  async translatedModel(offers: Offers): Promise<string> {
    const { anthropicProvider, anthropicUpstream } = this.#upstreams;
    const isolated = JSON.stringify(offers).includes("error");
    const fresh = () =>
      makeProvider(this.#database.pool, this.#secrets, { kind: "anthropic", baseUrl: anthropicUpstream.baseUrl });
    return this.#model(offers, isolated ? await fresh() : anthropicProvider, {});
  }

  /** A model that other dialects than chat reach by translation to OpenAI's wire. */
  async compatibleModel(offers: Offers): Promise<string> {
    return this.#model(offers, await this.compatibleProvider(), {});
  }

  /** A model of the built-in provider, which needs no upstream. */
  async sandboxModel(upstreamModel: string, options: ModelOptions): Promise<string> {
    const provider = await makeProvider(this.#database.pool, this.#secrets, { kind: "sandbox", baseUrl: null });
    return this.#model(upstreamModel, provider, options);
  }

  compatibleProvider(): Promise<ProviderRow> {
    const { baseUrl } = this.#upstreams.openaiUpstream;
    return makeProvider(this.#database.pool, this.#secrets, { kind: "openai-compatible", baseUrl });
  }

  /** A model of a provider of this kind, whose simulator plays `upstreamModel`. A failure gets a provider of its own: what it
   *  does to a credential must not reach the other tests. */
  modelOf(kind: ProviderKindId, upstreamModel: string, options?: ModelOptions): Promise<string> {
    const fresh = () => this.#inTransaction((client) => this.#newModelOf(client, kind, upstreamModel, options));
    if (options) return fresh();
    const name = `${kind} ${upstreamModel}`;
    if (isFailure(upstreamModel) && kind !== "sandbox") {
      const prepared = this.#prepared.get(name)?.pop();
      return prepared ? Promise.resolve(prepared) : fresh();
    }
    const known = this.#models.get(name) ?? fresh();
    this.#models.set(name, known);
    return known;
  }

  /** Makes what `modelOf` will be asked for, in one transaction per kind: the gateway reads its configuration a few times and
   *  not at each. */
  async prepareModels(kinds: readonly ProviderKindId[], upstreamModels: readonly string[]): Promise<void> {
    await Promise.all(kinds.map((kind) => this.#prepareKind(kind, upstreamModels)));
  }

  async #prepareKind(kind: ProviderKindId, upstreamModels: readonly string[]): Promise<void> {
    await this.#inTransaction(async (client) => {
      for (const upstreamModel of upstreamModels) {
        const name = `${kind} ${upstreamModel}`;
        // the sandbox cannot fail
        if (isFailure(upstreamModel) && kind !== "sandbox") {
          const model = await this.#newModelOf(client, kind, upstreamModel);
          this.#prepared.set(name, [...(this.#prepared.get(name) ?? []), model]);
        } else if (!this.#models.has(name)) {
          this.#models.set(name, Promise.resolve(await this.#newModelOf(client, kind, upstreamModel)));
        }
      }
    });
  }

  /** So that the gateway never sees a model without its offers and price. */
  async #inTransaction<Result>(work: (client: Sql) => Promise<Result>): Promise<Result> {
    const client = await this.#database.pool.connect();
    try {
      await client.query("begin");
      const result = await work(client);
      await client.query("commit");
      return result;
    } finally {
      client.release();
    }
  }

  async #newModelOf(
    sql: Sql,
    kind: ProviderKindId,
    upstreamModel: string,
    { price = PRICE, type, secrets = [simulatedSecret(kind as SimulatedKind)] }: ModelOptions = {},
  ): Promise<string> {
    const isSandbox = kind === "sandbox";
    const provider = await makeProvider(sql, this.#secrets, {
      kind,
      baseUrl: isSandbox ? null : (await this.#wire(kind)).baseUrl,
      secrets: isSandbox ? [] : secrets,
    });
    const offer = { provider, upstreamModel: isSandbox ? "chat" : upstreamModel, cost: COST };
    return makeModel(sql, { price, offers: [offer], ...(type && { type }) });
  }

  /** What the simulator of this kind saw and sent. */
  async truthOf(kind: SimulatedKind): Promise<Truth> {
    return (await this.#wire(kind)).truth;
  }

  #wire(kind: SimulatedKind): Promise<Simulator> {
    const known = this.#wires.get(kind) ?? SIMULATORS[kind]();
    this.#wires.set(kind, known);
    return known;
  }

  /** A door for clients that bring everything else themselves. */
  door(door: DoorName): Readonly<Door> {
    return this.#doors[door];
  }

  openai(door: DoorName, key: string, options: ClientOptions = {}, Client = OpenAI): OpenAI {
    const { baseUrl, fetch } = this.#doors[door];
    const counted: typeof globalThis.fetch = (...request) => {
      this.#attempts.set(key, this.attempts(key) + 1);
      return fetch(...request);
    };
    return new Client({ apiKey: key, baseURL: baseUrl, fetch: counted, maxRetries: 0, ...options });
  }

  anthropic(door: DoorName, key: string, options: AnthropicOptions = {}, Client = Anthropic): Anthropic {
    const { baseUrl, fetch } = this.#doors[door];
    const counted: typeof globalThis.fetch = (...request) => {
      this.#attempts.set(key, this.attempts(key) + 1);
      return fetch(...request);
    };
    // this SDK appends /v1/messages itself
    const baseURL = baseUrl.replace(/\/v1$/, "");
    return new Client({ apiKey: key, authToken: null, baseURL, fetch: counted, maxRetries: 0, ...options });
  }

  /** How many HTTP requests clients of `openai()` and `anthropic()` have made with this key. */
  attempts(key: string): number {
    return this.#attempts.get(key) ?? 0;
  }

  send(door: DoorName, path: string, init: RequestInit): Promise<Response> {
    const { baseUrl, fetch } = this.#doors[door];
    return fetch(baseUrl + path, init);
  }

  /** Where clients that know only an origin begin; `path` counts from there. */
  sendFromOrigin(door: DoorName, path: string, init: RequestInit = {}): Promise<Response> {
    return this.#doors[door].fetch(this.origin(door) + path, init);
  }

  origin(door: DoorName): string {
    return new URL(this.#doors[door].baseUrl).origin;
  }

  post(door: DoorName, path: string, key: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    return this.send(door, path, {
      ...(signal && { signal }),
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  compress(encoding: string, text: string): Uint8Array<ArrayBuffer> {
    const compressors = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
    return new Uint8Array(compressors[encoding as keyof typeof compressors](text));
  }

  /** The settled call, at most 5 s after it ended. */
  async settled(requestId: string | null): Promise<SettledCall> {
    if (!requestId) throw new Error("the answer has no x-request-id");
    // not expect.poll, which knows one test at a time
    return vi.waitFor(
      async () => {
        const call = await readCall(this.#database.pool, requestId);
        if (!call) throw new Error(`the call ${requestId} was not settled within 5 s`);
        return call;
      },
      { timeout: 5_000, interval: 20 },
    );
  }

  /** All settled calls of the tenant. */
  async calls({ org }: Tenant): Promise<SettledCall[]> {
    const { rows } = await this.#database.pool.query("select id from usage_event where org_id = $1", [org.id]);
    return Promise.all(rows.map(({ id }) => this.settled(id)));
  }

  /** The tenant's one call; for calls whose answer nobody waited for. */
  async onlyCall({ org }: Tenant): Promise<SettledCall> {
    const { rows } = await this.#database.pool.query("select id from usage_event where org_id = $1", [org.id]);
    if (rows.length !== 1) throw new Error(`the tenant has ${rows.length} calls`);
    return this.settled(rows[0].id);
  }

  async balanceNano({ org }: Tenant): Promise<bigint> {
    const { rows } = await this.#database.pool.query("select posted::text as posted from wallet where org_id = $1", [
      org.id,
    ]);
    return BigInt(rows[0].posted);
  }

  /** Waits until every call of the tenant is settled. */
  async quiet({ org }: Tenant): Promise<void> {
    const open = "select count(*)::int as open from hold where org_id = $1 and state = 'open'";
    await vi.waitFor(async () => expect((await this.#database.pool.query(open, [org.id])).rows[0]?.open).toBe(0), {
      timeout: 5_000,
      interval: 20,
    });
  }

  /** The price by the simulator's own count. */
  priceOf(truth: RequestRecord | undefined): bigint {
    return sum(truth, {
      input: 1_000n,
      cacheRead: 100n,
      cacheWrite: 1_250n,
      cacheWrite1h: 2_000n,
      output: 4_000n,
      reasoning: 4_000n,
    });
  }

  costOf(truth: RequestRecord | undefined): bigint {
    return sum(truth, {
      input: 500n,
      cacheRead: 50n,
      cacheWrite: 600n,
      cacheWrite1h: 1_000n,
      output: 2_000n,
      reasoning: 2_000n,
    });
  }

  /** Status, headers and body of an answer without what differs from call to call or belongs to the connection. */
  comparable(response: Response, body: string) {
    const headers = Object.fromEntries(response.headers);
    for (const name of [
      "date",
      "connection",
      "keep-alive",
      "transfer-encoding",
      "content-length",
      "x-request-id",
      "request-id",
    ])
      delete headers[name];
    return {
      status: response.status,
      headers,
      body: body.replace(/\b(chatcmpl-|msg_|req_|call_|toolu_)[0-9a-z]+/g, "$1…"),
    };
  }

  /** Once its calls are settled, the tenant's books balance and nothing of its is held; `stop` looks at everybody's. */
  async assertHealthy(tenant: Tenant): Promise<void> {
    await this.quiet(tenant);
    await assertHealthy(this.#database.pool, tenant.org.id);
    await assertRerated(this.#database.pool, tenant.org.id);
  }

  async stop(): Promise<void> {
    await this.#doors.close();
    await Promise.all([this.#upstreams.openaiUpstream.stop(), this.#upstreams.anthropicUpstream.stop()]);
    await Promise.all([...this.#wires.values()].map(async (wire) => (await wire).stop()));
    try {
      await assertHealthy(this.#database.pool);
      await this.#assertLogged();
    } finally {
      await this.#database.drop();
    }
  }

  /** I14: what the access log says was answered is what the books say was called. */
  async #assertLogged(): Promise<void> {
    const { rows } = await this.#database.pool.query<{ id: string }>(
      "select id from usage_event where kind = 'call' order by id",
    );
    const called = rows.map(({ id }) => id);
    const { requests, answers } = this.#doors.accessLog;
    // neither counting nor explaining buys anything
    const calls = requests.filter(({ method, path }) => method === "POST" && !/\/(count_tokens|route)$/.test(path));
    const ids = new Set(calls.map(({ id }) => id));
    const answered = answers
      .filter(({ id, status, isReplay }) => ids.has(id) && status < 300 && !isReplay)
      .map(({ id }) => id);
    expect(called.filter((id) => !ids.has(id))).toEqual([]);
    expect(answered.filter((id) => !called.includes(id))).toEqual([]);
    expect(new Set(answered).size).toBe(answered.length);
  }

  #model(offers: Offers, provider: ProviderRow, { price = PRICE, ...rest }: ModelOptions): Promise<string> {
    const list = typeof offers === "string" ? [offers] : offers;
    const rows: OfferText[] = list.map((offer, priority) =>
      typeof offer === "string"
        ? { provider, upstreamModel: offer, priority, cost: COST }
        : { provider, cost: COST, ...offer },
    );
    return this.#inTransaction((client) => makeModel(client, { ...rest, price, offers: rows }));
  }
}

type Upstreams = {
  openaiUpstream: Simulator;
  anthropicUpstream: Simulator;
  openaiProvider: ProviderRow;
  anthropicProvider: ProviderRow;
};

function isFailure(upstreamModel: string): boolean {
  return /^(error|cut|reset)/.test(upstreamModel);
}

function sum(
  truth: RequestRecord | undefined,
  rates: RequestRecord["usage"] extends infer U ? { [K in keyof U]: bigint } : never,
): bigint {
  if (!truth) throw new Error("the upstream saw no such call");
  return (Object.keys(rates) as (keyof typeof rates)[]).reduce(
    (total, name) => total + BigInt(truth.usage[name]) * rates[name],
    0n,
  );
}
