import fs from "node:fs";
import path from "node:path";
import type pg from "pg";
import { createWallet } from "@/lib/billing/wallet";
import { createGateway, type Gateway } from "@/lib/gateway/gateway";
import { readStoredAnswer } from "@/lib/gateway/idempotency";
import { createTicker } from "@/lib/gateway/meter/ticker";
import { RetryBudget } from "@/lib/gateway/retry-budget";
import { createHealthStore } from "@/lib/gateway/routing/health-store";
import { createSnapshotStore } from "@/lib/gateway/snapshot-store";
import { createKeyring } from "@/lib/keys/authenticate";
import { createKeyReports } from "@/lib/usage/key-reports";
import { createRecorder } from "@/lib/usage/record";
import { createRefusalLog } from "@/lib/usage/refusals";
import { openSpool, type Spool } from "@/lib/usage/spool";
import type { SimulatedDatabase } from "./database";
import type { Random } from "./random";
import type { SimulatedUpstream } from "./upstream";
import type { Owner, VirtualTime } from "./virtual-time";

const HEARTBEAT_MS = 5_000;

type World = {
  time: VirtualTime;
  database: SimulatedDatabase;
  upstream: SimulatedUpstream;
  random: Random;
  pepper: string;
  spoolDirectory: string;
  onError: (error: unknown) => void;
};

/** One life of a gateway process: put together as lib/gateway/runtime.ts does, from the same parts. It ends by being dropped. */
export class GatewayLife implements Owner {
  dead = false;
  paused = false;
  /** It stood still or did not reach the database for long: others may have taken it for dead. */
  wasSilent = false;
  epoch = "";
  gateway: Gateway | null = null;
  private spool: Spool | null = null;
  private notify: ((channel: string, payload: string) => void) | null = null;
  private unsettled = () => 0;

  constructor(
    readonly name: string,
    private readonly world: World,
  ) {}

  get isReady(): boolean {
    return this.gateway !== null && !this.dead && !this.paused;
  }

  get pending(): number {
    return this.unsettled();
  }

  /** Tries until the database lets it, as the supervisor would. */
  async boot(): Promise<void> {
    for (;;) {
      try {
        return await this.start();
      } catch (error) {
        this.world.onError(error);
        await new Promise((resume) => setTimeout(resume, 500));
      }
    }
  }

  private async start(): Promise<void> {
    const { time, database, upstream, random, pepper, spoolDirectory, onError } = this.world;
    const { clock } = time;
    const sql = database.sqlOf(this);
    const { rows } = await sql.query<{ epoch: string }>("select node_boot($1)::text as epoch", [this.name]);
    this.epoch = rows[0]?.epoch ?? "";
    const named = { sql, node: this.name, epoch: this.epoch };
    const wallet = createWallet({ ...named, named: true, onTrouble: (_verb, error) => onError(error) });
    this.spool = openSpool({ directory: spoolDirectory, node: this.name, epoch: this.epoch, onError });
    const recorder = createRecorder({ wallet, spool: this.spool, clock, onRefused: onError });
    this.unsettled = () => recorder.pending;
    await recorder.replay();
    await sql.query("select node_spool_replayed($1, $2::bigint)", [this.name, this.epoch]);
    const keyring = createKeyring({ sql, peppers: [pepper], clock });
    const { health, sync } = createHealthStore({ sql, node: this.name, clock, random: random.next, onError });
    await sync();
    const snapshots = await createSnapshotStore({
      sql,
      connectListener: async () => this.listener(sql),
      onKeyChange: (payload) => keyring.purge(payload),
      onHealthChange: () => void sync(),
      onListening: (listening) => keyring.setListening(listening),
      onError,
    });
    setInterval(() => {
      void sync();
      sql
        .query<{ alive: boolean }>("select node_heartbeat($1, $2::bigint) as alive", [this.name, this.epoch])
        .then(({ rows: [row] }) => {
          if (row && !row.alive) this.crash();
        }, onError);
    }, HEARTBEAT_MS);
    const ticker = createTicker({ wallet, clock });
    const unused = () => Promise.reject(new Error("the simulated providers are relayed to"));
    this.gateway = createGateway({
      ...{ wallet, recorder, snapshots, keyring, clock },
      refusals: createRefusalLog({ sql, node: this.name, onError }),
      reports: createKeyReports({ sql }),
      // opening a secret takes another thread's time
      vault: { secretFor: async () => ({ apiKey: "sk-simulated" }), stop() {} },
      ...{ ticker, health, retries: new RetryBudget(() => ticker.size) },
      storedAnswer: (claim) => readStoredAnswer(sql, claim),
      random: random.next,
      connect: () => upstream.dispatcherOf(this),
      ...{ sdkFetch: () => unused, fileFetch: unused, onError },
    });
  }

  /** A notification of the database arrives. */
  hear(channel: string, payload: string): void {
    this.notify?.(channel, payload);
  }

  /** Everything in memory is gone; what lies in the spool stays. */
  crash(): void {
    this.dead = true;
    this.paused = false;
    const { spoolDirectory } = this.world;
    const mine = fs.readdirSync(spoolDirectory).filter((file) => file.startsWith(`${this.name}@`));
    const kept = mine.map((file) => ({
      file: path.join(spoolDirectory, file),
      text: fs.readFileSync(path.join(spoolDirectory, file)),
    }));
    this.spool?.close();
    // a process that dies does not tidy up
    for (const { file, text } of kept) fs.writeFileSync(file, text);
  }

  private listener(sql: Pick<pg.Pool, "query">): pg.Client {
    const on = (event: string, callback: (message: { channel: string; payload: string }) => void) => {
      if (event === "notification") this.notify = (channel, payload) => callback({ channel, payload });
    };
    const query = (text: string, values?: unknown[]) =>
      text.startsWith("listen") ? Promise.resolve({ rows: [] }) : sql.query(text, values);
    // safe because the store listens, asks and ends, nothing else
    return { on, query, end: async () => {} } as unknown as pg.Client;
  }
}
