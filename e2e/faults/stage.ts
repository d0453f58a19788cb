import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { Agent, fetch } from "undici";
import { type Hub, type HubOptions, startHub } from "@/e2e/support/hub";
import { startOpenAISimulator } from "@/e2e/support/providers/openai";
import type { Simulator } from "@/e2e/support/providers/server";
import { createPool } from "@/lib/pg";

export type Stage = {
  /** The hub that runs now: another one after `crashEverything`. */
  readonly hub: Hub;
  upstream: Simulator;
  /** The database as its owner; survives a crash of the server. */
  sql: pg.Pool;
  /** One call of the admin API. Throws what it answers unless that is a success. */
  admin<Answer = unknown>(method: string, path: string, body?: unknown): Promise<Answer>;
  /** A model priced `price` USD, served by the simulator's `scenario`, or by the next one where one fails. */
  model(scenario: string | readonly string[], price: Record<string, string>): Promise<string>;
  /** An organisation with credit and one key; `limits` as the admin API takes them. */
  tenant(creditUsd: string, limits?: Record<string, unknown>): Promise<{ orgId: string; key: string; keyId: string }>;
  violations(): Promise<unknown[]>;
  /** Kills supervisor, gateway, web, worker and database at once, then starts the hub again on the same data. */
  crashEverything(): Promise<void>;
  stop(): Promise<void>;
};

/** The count for `npm test`, or the one for `npm run chaos`. */
export function count<Value>(short: Value, full: Value): Value {
  return process.env.HUB_TEST_RUNS === "chaos" ? full : short;
}

/** Deadlocks that the database has counted since it began: none, whatever the load was. */
export async function deadlocks(sql: pg.Pool): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    "select deadlocks::int as n from pg_stat_database where datname = current_database()",
  );
  return rows[0]?.n ?? 0;
}

/** A hub of its own as a user starts it, configured through the admin API, and an upstream that knows the truth. */
export async function setStage(options: HubOptions = {}): Promise<Stage> {
  const [first, upstream] = await Promise.all([startHub(options), startOpenAISimulator()]);
  let hub = first;
  const sql = createPool(readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim(), {
    max: 4,
    applicationName: "fault-test",
  });

  const admin = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const ask = () =>
      fetch(`${hub.url}/api/admin/v1${path}`, {
        method,
        dispatcher: freshConnections,
        headers: {
          authorization: `Bearer ${hub.managementKey}`,
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    // it goes through a gateway that may be killed at any moment; what can be repeated is
    const response = await (method === "POST" ? ask() : ask().catch(() => pause(500).then(ask)));
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text || "null") as Answer;
  };
  await admin("POST", "/providers", { slug: "simulated", kind: "openai", baseUrl: upstream.baseUrl });
  await admin("POST", "/providers/simulated/credentials", { name: "main", apiKey: "sk-simulated" });

  let made = 0;
  return {
    get hub() {
      return hub;
    },
    upstream,
    sql,
    admin,
    model: async (scenario, price) => {
      const id = `faults/model-${++made}`;
      await admin("PUT", `/models/${id}`, {
        type: "chat",
        contextWindow: 128_000,
        maxOutputTokens: 16_384,
        offers: [scenario].flat().map((upstreamModel, priority) => ({
          ...{ provider: "simulated", upstreamModel, priority },
          cost: { input: "0.5", output: "2" },
        })),
        price,
      });
      return id;
    },
    tenant: async (creditUsd, limits = {}) => {
      const org = await admin<{ id: string }>("POST", "/orgs", { name: `Fault test ${++made}` });
      await admin("POST", `/orgs/${org.id}/credits`, { amountUsd: creditUsd, kind: "comp", reason: "fault test" });
      const keys = `/orgs/${org.id}/keys`;
      const { id, key } = await admin<{ id: string; key: string }>("POST", keys, { name: "main", ...limits });
      return { orgId: org.id, key, keyId: id };
    },
    violations: async () => (await admin<{ violations: unknown[] }>("GET", "/ledger/violations")).violations,
    crashEverything: async () => {
      const { dataDir, port, managementKey, pid } = hub;
      const postmaster = await postmasterPid(sql);
      killFamily(pid);
      killFamily(postmaster);
      const env = { ...options.env, PORT: String(port), HUB_BOOTSTRAP_MANAGEMENT_KEY: managementKey };
      hub = await startHub({ env, dataDir });
    },
    stop: async () => {
      await sql.end();
      await hub.stop();
      // the hub that made the data directory removes it
      if (hub !== first) await first.stop();
      await upstream.stop();
    },
  };
}

/** As many connections as there are calls: a thousand clients, not one client with a queue. */
export const manyConnections = new Agent({
  connections: null,
  pipelining: 1,
  headersTimeout: 60_000,
  bodyTimeout: 60_000,
});

/** One connection per call, so that none is kept to a process that has died meanwhile. */
export const freshConnections = new Agent({ pipelining: 0 });

/** Ends a process and all it has started, at once, without any of them noticing beforehand. */
export function killFamily(pid: number): void {
  const family = [pid];
  for (const parent of family)
    for (const task of readdirSync(`/proc/${parent}/task`))
      family.push(
        ...readFileSync(`/proc/${parent}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
      );
  for (const member of family) process.kill(member, "SIGKILL");
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The embedded server's own process, from its lock file. */
export async function postmasterPid(sql: pg.Pool): Promise<number> {
  const { rows } = await sql.query<{ directory: string }>("select current_setting('data_directory') as directory");
  return Number(readFileSync(join(rows[0]?.directory ?? "", "postmaster.pid"), "utf8").split("\n")[0]);
}
