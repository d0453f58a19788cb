import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type pg from "pg";
import type { Logger } from "pino";
import { createSweeper } from "@/lib/billing/sweeper";
import type { GatewayRequest } from "@/lib/gateway/exchange";
import { rerate } from "@/lib/usage/rerate";
import { type Call, replyTo } from "./client";
import { type Fate, SimulatedDatabase, type Statement } from "./database";
import type { Ground } from "./ground";
import { GatewayLife } from "./node";
import { Random } from "./random";
import { SimulatedUpstream, type UpstreamCall } from "./upstream";
import { type Owner, VirtualTime } from "./virtual-time";
import { expect, READ_WALLETS, type WalletRow, WalletsModel } from "./wallet-model";

const NODES = ["gateway-1", "gateway-2"];
const CALLS = 14;
const MAX_STEPS = 20_000;
const REST_MS = 15 * 60_000;
const CREDIT = 40_000_000n;

/** One run: two nodes, providers, clients and faults, all by the seed. Throws at the first thing that is wrong; `trace` then
 *  tells what happened. */
export async function simulate(
  seed: number,
  ground: Ground,
  trace: string[],
): Promise<{ steps: number; calls: number }> {
  const directory = fs.mkdtempSync(path.join(process.env.HUB_TEST_DIR ?? os.tmpdir(), "hub-simulation-"));
  const { fdatasync } = fs;
  // another thread's time is not ours to order; what was written survives a process anyway
  fs.fdatasync = ((_file: number, done: (error: null) => void) => queueMicrotask(() => done(null))) as typeof fdatasync;
  const world = new World(seed, ground, trace, directory);
  try {
    return await world.run();
  } finally {
    await world.end();
    fs.fdatasync = fdatasync;
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

class World {
  private readonly random: Random;
  private readonly worker: Owner = { name: "worker", dead: false, paused: false };
  private readonly time = new VirtualTime(this.worker);
  private readonly model = new WalletsModel();
  private readonly database: SimulatedDatabase;
  private readonly upstream: SimulatedUpstream;
  private readonly calls: Call[] = [];
  private lives: GatewayLife[] = [];
  private wrong: Error | null = null;
  private steps = 0;
  private made = 0;
  private calm = false;

  constructor(
    seed: number,
    private readonly ground: Ground,
    private readonly trace: string[],
    private readonly spoolDirectory: string,
  ) {
    this.random = new Random(seed);
    this.database = new SimulatedDatabase(ground.client, this.time, (statement, rows) => this.follow(statement, rows));
    this.upstream = new SimulatedUpstream(this.random, (call) => this.wentUpstream(call));
  }

  async run(): Promise<{ steps: number; calls: number }> {
    this.time.install();
    await this.database.begin();
    for (const { org, budgets, starter } of this.ground.tenants) {
      this.model.add(org, budgets);
      await this.grant(org, CREDIT, null, starter);
    }
    await this.time.turn(this.worker, () => this.startWorker());
    for (const name of NODES) await this.boot(name);
    while (this.made < CALLS || this.calls.some((call) => !call.ended && !call.cut)) await this.step();
    await this.comeToRest();
    await this.judge();
    return { steps: this.steps, calls: this.calls.length };
  }

  async end(): Promise<void> {
    for (const life of this.lives) if (!life.dead) life.crash();
    this.time.uninstall();
    await this.database.rollback();
  }

  private startWorker(): void {
    const sql = this.database.sqlOf(this.worker);
    const log = { warn() {} } as unknown as Logger; // safe because the sweeper only warns
    const sweep = createSweeper({ sql, clock: this.time.clock, log });
    setInterval(() => void sweep(), 5_000);
    setInterval(() => void sql.query("SELECT expire_credit()").catch(() => {}), 60_000);
  }

  private async step(): Promise<void> {
    if (++this.steps > MAX_STEPS) {
      const running = this.calls.filter((call) => !call.ended && !call.cut).map(({ id }) => id);
      throw new Error(`no end after ${MAX_STEPS} steps: running ${running}, held ${[...this.model.open.keys()]}`);
    }
    const { random } = this;
    const choices: [weight: number, act: () => Promise<void>][] = [];
    const statements = this.database.waiting.filter(({ owner }) => !owner.paused);
    const packets = this.upstream.ready;
    const ready = this.lives.filter((life) => life.isReady);
    if (statements.length > 0) choices.push([8, () => this.runStatement(random.pick(statements))]);
    if (packets.length > 0) choices.push([6, () => this.deliver(random.pick(packets))]);
    if (this.made < CALLS && ready.length > 0) choices.push([2, () => this.begin(random.pick(ready))]);
    if (!this.calm) choices.push(...this.faults(ready));
    choices.push([statements.length + packets.length > 0 ? 3 : 20, () => this.passTime()]);
    await choose(choices, random)();
    if (this.wrong) throw this.wrong;
  }

  private faults(ready: GatewayLife[]): [number, () => Promise<void>][] {
    const { random } = this;
    const running = this.calls.filter((call) => !call.ended && !call.gone && !call.cut && !call.life.paused);
    const tenant = random.pick(this.ground.tenants);
    const faults: [number, () => Promise<void>][] = [
      [
        0.1,
        () =>
          this.grant(
            tenant.org,
            BigInt(random.between(1, 20)) * 1_000_000n,
            random.chance(0.6) ? random.between(1, 60) * 1_000 : null,
          ),
      ],
      [0.05, () => this.changePrice()],
      [0.03, () => this.revoke(tenant.keyId)],
    ];
    if (running.length > 0) faults.push([0.4, () => this.leave(random.pick(running))]);
    const dead = NODES.filter((name) => !this.lives.some((life) => life.name === name && !life.dead));
    const name = dead.length > 0 ? random.pick(dead) : null;
    if (name) faults.push([1, () => this.boot(name)]);
    const alive = this.lives.filter((life) => !life.dead);
    if (ready.length > 0)
      faults.push([0.12, () => this.crash(random.pick(alive))], [0.08, () => this.pause(random.pick(ready))]);
    const paused = alive.filter((life) => life.paused);
    if (paused.length > 0)
      faults.push([0.3, () => this.wake(random.pick(paused))], [0.15, () => this.jump(random.between(5, 40))]);
    return faults;
  }

  private async runStatement(statement: Statement): Promise<void> {
    const { random } = this;
    const isBatch = /(authorize|checkpoint|settle)_batch/.test(statement.text);
    const dice = this.calm ? 1 : random.next();
    const fate: Fate = dice < 0.03 ? "failed" : dice < 0.07 ? "lost" : dice < 0.1 && isBatch ? "locked" : "ok";
    this.note(
      `${statement.owner.name} ${statement.text.replace(/\s+/g, " ").slice(0, 60)} ${idsIn(statement)}: ${fate}`,
    );
    await this.database.run(statement, fate);
  }

  /** What took effect is held against the model. */
  private async follow(statement: Statement, rows: Row[]): Promise<void> {
    const { rows: wallets } = await this.database.ask(READ_WALLETS, [this.ground.tenants.map(({ org }) => org)]);
    this.model.follow(statement, rows, wallets as WalletRow[], this.time.clock.now());
  }

  private async deliver(call: UpstreamCall): Promise<void> {
    this.note(`packet for ${call.tag}: ${JSON.stringify(call.steps[0] ?? "end").slice(0, 50)}`);
    await this.time.turn(call.owner, () => this.upstream.deliver(call));
  }

  private async begin(life: GatewayLife): Promise<void> {
    const { random } = this;
    const id = `req_${String(++this.made).padStart(4, "0")}` as const;
    const { key } = random.pick(this.ground.tenants);
    const stream = random.chance(0.75);
    const limit = random.chance(0.3) ? { max_tokens: random.between(1, 2_000) } : {};
    const body = Buffer.from(
      JSON.stringify({
        model: random.pick(this.ground.models),
        stream,
        user: id,
        ...limit,
        messages: [{ role: "user", content: "say some words" }],
      }),
    );
    const call: Call = {
      id,
      life,
      stream,
      status: 0,
      text: "",
      ended: false,
      gone: false,
      cut: false,
      leave: () => {},
    };
    this.calls.push(call);
    this.note(`${life.name} begins ${id}${stream ? " as a stream" : ""}`);
    const request: GatewayRequest = {
      ...{ id, method: "POST", path: "/api/v1/chat/completions", query: new URLSearchParams(), remoteAddress: null },
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      readBody: async () => body,
    };
    await this.time.turn(life, () => void life.gateway?.handle(request, replyTo(call)));
  }

  private async leave(call: Call): Promise<void> {
    this.note(`the client of ${call.id} leaves`);
    call.gone = true;
    call.ended = true;
    await this.time.turn(call.life, call.leave);
  }

  private async boot(name: string): Promise<void> {
    this.note(`${name} boots`);
    const { time, database, upstream, random, spoolDirectory } = this;
    const { pepper } = this.ground;
    const life = new GatewayLife(name, {
      time,
      database,
      upstream,
      random,
      spoolDirectory,
      pepper,
      onError: (error) => this.note(`  ${name}: ${String(error)}`),
    });
    this.lives = [...this.lives.filter((other) => !other.dead), life];
    await time.turn(life, () => void life.boot());
  }

  private async crash(life: GatewayLife): Promise<void> {
    this.note(`${life.name} dies`);
    life.crash();
    this.bury();
  }

  private bury(): void {
    for (const call of this.calls) if (call.life.dead && !call.ended) call.cut = true;
    for (const call of this.upstream.calls) if (call.owner.dead && call.state === "open") call.state = "aborted";
  }

  private async pause(life: GatewayLife): Promise<void> {
    this.note(`${life.name} stands still`);
    life.paused = true;
    life.wasSilent = true;
    // whoever runs it believes it dead and starts it anew
    if (this.random.chance(0.4)) await this.boot(life.name);
  }

  private async wake(life: GatewayLife): Promise<void> {
    this.note(`${life.name} wakes`);
    life.paused = false;
  }

  private async jump(seconds: number): Promise<void> {
    const until = this.time.elapsedMs + seconds * 1_000;
    this.note(`${seconds} s pass, in which only the worker reaches the database`);
    for (const life of this.lives) life.wasSilent = true;
    for (let timer = this.time.next(); timer && timer.at <= until; timer = this.time.next()) {
      await this.time.fire(timer);
      // the rest of the world does not stand still
      while (this.database.waiting.some(({ owner }) => owner === this.worker))
        await this.runStatement(this.database.waiting.find(({ owner }) => owner === this.worker) as Statement);
    }
  }

  private async passTime(): Promise<void> {
    const timer = this.time.next();
    if (!timer) return;
    const isBusy = this.database.waiting.length > 0 || this.upstream.ready.length > 0;
    if (isBusy && timer.at > this.time.elapsedMs + 50) this.time.elapsedMs += this.random.between(1, 50);
    else await this.time.fire(timer);
    this.bury();
  }

  private async grant(org: string, amount: bigint, expiresInMs: number | null, starter = false): Promise<void> {
    const expiresAt = expiresInMs === null ? null : this.time.clock.now() + expiresInMs;
    this.note(
      `${org} gets ${amount}${starter ? " to start with" : ""}${expiresInMs === null ? "" : ` for ${expiresInMs} ms`}`,
    );
    await this.database.ask("SELECT grant_credit($1, $2, $3, $4, 'test', 'test', $5, $6)", [
      org,
      amount.toString(),
      expiresAt || starter ? "promo" : "paid",
      `lot-${++lots}`,
      expiresAt && new Date(expiresAt),
      starter,
    ]);
    this.model.grant(org, amount, expiresAt, !expiresAt && !starter);
  }

  private async changePrice(): Promise<void> {
    const model = this.random.pick(this.ground.models);
    const rates = { input: `${this.random.between(1, 5)}000000000`, output: `${this.random.between(1, 9)}000000000` };
    this.note(`${model} costs ${JSON.stringify(rates)}`);
    await this.database.ask(
      "insert into price_version (subject, subject_id, rates, content_hash, source, created_by) values ('model', $1, $2, $3, 'api', 'test')",
      [model, JSON.stringify(rates), `simulated-${++lots}`],
    );
    await this.tell("hub_config", "price_version");
  }

  private async revoke(keyId: string): Promise<void> {
    this.note(`${keyId} is revoked or comes back`);
    await this.database.ask(
      "update api_key set status = case status when 'active' then 'disabled' else 'active' end where id = $1",
      [keyId],
    );
    await this.tell("hub_key", keyId);
  }

  private async tell(channel: string, payload: string): Promise<void> {
    for (const life of this.lives.filter(({ isReady }) => isReady))
      if (this.random.chance(0.8)) await this.time.turn(life, () => life.hear(channel, payload));
  }

  /** Before anything goes upstream its hold is there. */
  private wentUpstream({ tag }: UpstreamCall): void {
    if (!this.model.granted.has(tag)) this.wrong ??= new Error(`${tag} went upstream without a hold`);
    // it may have been closed meanwhile under a node that stood still, and only there
  }

  private async comeToRest(): Promise<void> {
    this.calm = true;
    this.upstream.faults = false;
    this.note("calm");
    for (const life of this.lives) if (life.paused) await this.wake(life);
    await this.rest();
    // what a fenced life wrote down is settled by the next start of its node
    for (const life of this.lives) if (!life.dead) await this.crash(life);
    await this.rest();
  }

  private async rest(): Promise<void> {
    const until = this.time.elapsedMs + REST_MS;
    const isBusy = () =>
      this.model.open.size > 0 ||
      this.upstream.ready.length > 0 ||
      this.database.waiting.length > 0 ||
      this.lives.some((life) => !life.dead && (life.gateway === null || life.pending > 0));
    do {
      if (this.time.elapsedMs > until)
        throw new Error(`no rest: ${[...this.model.open.keys()].join(" ")} are still held`);
      for (const name of NODES) if (!this.lives.some((life) => life.name === name && !life.dead)) await this.boot(name);
      await this.step();
    } while (isBusy());
  }

  private async judge(): Promise<void> {
    const { database } = this;
    const violations = (await database.ask("SELECT * FROM violations")).rows;
    expect(violations.length === 0, `violations: ${JSON.stringify(violations.slice(0, 3))}`);
    // safe because it only asks
    const sql = { query: (text: string, values?: unknown[]) => database.ask(text, values) } as unknown as pg.Pool;
    const { differences } = await rerate(sql, { since: new Date(0), until: new Date("9999-01-01") });
    expect(differences.length === 0, `not charged as priced: ${JSON.stringify(differences)}`);
    const { rows } = await database.ask("SELECT * FROM usage_event ORDER BY at, id");
    for (const call of this.calls)
      this.judgeCall(
        call,
        rows.filter((row) => row.id === call.id),
        rows.filter((row) => row.parent_id === call.id),
      );
    expect(
      rows.every((row) => this.calls.some(({ id }) => id === row.id || id === row.parent_id)),
      "an event of nobody's call",
    );
  }

  /** The table of ends: what came from upstream, and what was charged. */
  private judgeCall(call: Call, events: Row[], adjustments: Row[]): void {
    const { id } = call;
    const attempts = this.upstream.calls.filter(({ tag }) => tag === id);
    const received = attempts.map((attempt) => attempt.received.tokens);
    const end = this.model.closed.get(id);
    expect(
      events.length === (end === undefined || end.state === "voided" ? 0 : 1),
      `${id}: ${events.length} events, hold ${end?.state}`,
    );
    expect(attempts.length === 0 || end !== undefined, `${id} went upstream unseen`);
    expect(end?.state !== "voided" || attempts.length === 0, `${id} was voided and went upstream`);
    expect(
      received.slice(0, -1).every((tokens) => tokens === 0),
      `${id} was tried again after output`,
    );
    const isClean = !call.gone && (call.stream ? call.text.includes("[DONE]") : call.status === 200);
    if (isClean) expect(events.length === 1, `${id} was answered and is not in the books`);
    const [event] = events;
    if (!event) return;
    const all = [event, ...adjustments];
    const sum = (column: string) => all.reduce((total, row) => total + Number(row[column] ?? 0), 0);
    const output = sum("output_tokens");
    const truth = received.at(-1) ?? 0;
    const wasTold = event.outcome !== "crashed" || adjustments.length > 0;
    const told = `${id} (${all.map((row) => row.outcome).join(", ")}): ${output} tokens charged, ${truth} came`;
    expect(output <= truth, told);
    if (isClean) expect(output === truth, told);
    if (wasTold && call.stream) expect(output === truth, told);
    if (wasTold && !call.stream) expect(output === truth || output === 0, told);
    expect(output === 0 || sum("price_nano") > 0, `${id} has output and costs nothing`);
    if (truth === 0 && !call.gone && !isClean)
      expect(sum("price_nano") === 0, `${id} failed before any output and costs ${sum("price_nano")}`);
  }

  private note(line: string): void {
    this.trace.push(`${String(this.time.elapsedMs).padStart(7)} ms  ${line}`);
  }
}

type Row = Record<string, unknown>;
let lots = 0;

/** One of them, each as often as its weight says. `choices` must not be empty. */
function choose<Act>(choices: [weight: number, act: Act][], random: Random): Act {
  let left = random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, act] of choices) {
    left -= weight;
    if (left < 0) return act;
  }
  throw new Error("nothing to choose from");
}

function idsIn({ values }: Statement): string {
  return [...new Set(JSON.stringify(values).match(/req_\d{4}/g) ?? [])].join(" ");
}
