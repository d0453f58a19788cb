import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { makeKey, makeModel, makeOrg, makeProvider } from "@/e2e/support/fixtures";
import { createPool } from "@/lib/pg";
import { generateSecretsKeyPair } from "@/lib/secrets";
import { startEmbeddedPostgres } from "@/server/embedded-postgres";
import { ensureRoles, migrate } from "@/server/migrate";
import { freePort } from "@/server/ports";
import { endWithUs, type Line, postmasterPid, startWorker, stop } from "./processes";

const here = path.dirname(fileURLToPath(import.meta.url));
/** Upstream model names by the shape of the answer. */
export const MODELS = { plain: "bench", stream: "bench", trickle: "bench-trickle" } as const;

export type Stage = {
  hub: { origin: string; pid: number; key: string };
  relay: { origin: string; pid: number };
  upstreamPid: number;
  postgresPid: number;
  load: Line;
  violations(): Promise<unknown[]>;
  settledCalls(): Promise<number>;
  stopHub(): Promise<void>;
  stop(): Promise<void>;
};

/** Models by id, each with its upstream names in order of weight alone. */
export type Routes = Readonly<Record<string, readonly string[]>>;
const PLAIN: Routes = { bench: ["bench"], "bench-trickle": ["bench-trickle"] };

/** The whole set-up in processes of their own: embedded Postgres with a migrated and seeded database, the gateway with one
 *  worker, the bare relay, their upstream and the load generator. `execArgv` goes to the gateway's Node. */
export async function setStage(execArgv: string[] = [], routes: Routes = PLAIN): Promise<Stage> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), "hub-bench-"));
  fs.chmodSync(dataDir, 0o755);
  const postgres = await startEmbeddedPostgres({ dataDir, port: 0 });
  process.once("exit", () => {
    try {
      process.kill(postmasterPid(postgres.dataDir), "SIGQUIT");
      fs.rmSync(dataDir, { recursive: true, force: true });
    } catch {
      // stopped already, as it should be
    }
  });
  await migrate(postgres.url);
  const roles = await ensureRoles(postgres.url, randomBytes(16).toString("hex"));
  const keys = await generateSecretsKeyPair();
  const keyPepper = randomBytes(32).toString("hex");

  const upstream = await startWorker<{ port: number }>(path.join(here, "upstream.js"));
  const upstreamOrigin = `http://127.0.0.1:${upstream.first.port}`;
  const sql = createPool(postgres.url, { max: 2, applicationName: "bench" });
  const secrets = { keyPepper, secretsPublicKey: keys.publicKey };
  const provider = await makeProvider(sql, secrets, { kind: "openai-compatible", baseUrl: `${upstreamOrigin}/v1` });
  for (const [id, upstreamModels] of Object.entries(routes))
    await makeModel(sql, { id, offers: upstreamModels.map((upstreamModel) => ({ provider, upstreamModel })) });
  const org = await makeOrg(sql, { creditUsd: "1000000" });
  const { key } = await makeKey(sql, secrets, org);

  const port = await freePort();
  const log = fs.openSync(path.join(dataDir, "gateway.log"), "a");
  const gateway = spawn(process.execPath, [...execArgv, path.join(here, "gateway.js")], {
    stdio: ["ignore", log, log],
    env: {
      NODE_ENV: "production",
      PATH: process.env.PATH,
      PORT: String(port),
      HUB_ROLE: "gateway",
      HUB_DATA_DIR: dataDir,
      HUB_PRODUCTION: "false",
      DATABASE_URL: postgres.url,
      HUB_DATABASE_URL_GATEWAY: roles?.gateway ?? postgres.url,
      HUB_SECRETS_KEY: keys.secretKey,
      HUB_KEY_PEPPER: keyPepper,
      AUTH_SECRET: randomBytes(32).toString("hex"),
      GATEWAY_WORKERS: "1",
    },
  });
  endWithUs(gateway);
  const origin = `http://127.0.0.1:${port}`;
  await waitUntilHealthy(origin, gateway, path.join(dataDir, "gateway.log"));
  const relay = await startWorker<{ port: number }>(path.join(here, "relay.js"), [upstreamOrigin]);
  const load = await startWorker(path.join(here, "load.js"));

  return {
    hub: { origin, pid: gateway.pid as number, key },
    relay: { origin: `http://127.0.0.1:${relay.first.port}`, pid: relay.child.pid as number },
    upstreamPid: upstream.child.pid as number,
    postgresPid: postmasterPid(postgres.dataDir),
    load,
    violations: async () => (await sql.query("select * from violations")).rows,
    settledCalls: async () => Number((await sql.query("select count(*) as calls from usage_event")).rows[0]?.calls),
    stopHub: () => stop(gateway),
    stop: async () => {
      await Promise.all([stop(gateway), stop(relay.child), stop(upstream.child), stop(load.child)]);
      await sql.end();
      await postgres.stop();
      fs.rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function waitUntilHealthy(origin: string, gateway: ChildProcess, log: string): Promise<void> {
  const stopAt = Date.now() + 20_000;
  for (;;) {
    const answer = await fetch(`${origin}/api/health`).catch(() => null);
    if (answer?.ok) return;
    if (gateway.exitCode !== null || Date.now() > stopAt)
      throw new Error(`The gateway did not start:\n${fs.readFileSync(log, "utf8")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
