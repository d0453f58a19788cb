import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "@playwright/test";
import { fetch } from "undici";
import { launch } from "@/e2e/support/hub";
import { ensureRoles } from "@/server/migrate";
import { freePort } from "@/server/ports";
import { freshConnections, type Stage } from "./stage";

// Processes beside the hub's own, on its database: as on other machines.

export type Node = {
  url: string;
  pid: number;
  output(): string;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM. Resolves with the exit code. */
  stop(): Promise<number | null>;
};

type NodeOptions = {
  name: string;
  env?: Record<string, string>;
  /** Where the database seems to be. */
  through?: { port: number };
};

/** A gateway alone, reachable when this resolves. */
export async function startGatewayNode(stage: Stage, { name, env = {}, through }: NodeOptions): Promise<Node> {
  const port = await freePort();
  const node = await start(stage, "gateway", {
    PORT: String(port),
    HUB_NODE_NAME: name,
    HUB_DATABASE_URL_GATEWAY: await roleUrl(stage, "gateway", through),
    HUB_WEB_PORT: readFileSync(join(stage.hub.dataDir, "web.port"), "utf8").trim(),
    GATEWAY_WORKERS: "1",
    ...env,
  });
  const url = `http://127.0.0.1:${port}`;
  await expect.poll(() => isHealthy(url), { timeout: 30_000, intervals: [100], message: name }).toBe(true);
  return { ...node, url };
}

/** A background worker alone. */
export async function startWorkerNode(stage: Stage, name: string): Promise<Omit<Node, "url">> {
  const node = await start(stage, "worker", {
    HUB_NODE_NAME: name,
    HUB_DATABASE_URL_WORKER: await roleUrl(stage, "worker"),
  });
  const beats =
    "select count(*)::int as n from node where id = $1 and beat_at > clock_timestamp() - interval '15 seconds'";
  const isUp = async () => (await stage.sql.query<{ n: number }>(beats, [`worker:${name}`])).rows[0]?.n;
  await expect.poll(isUp, { timeout: 30_000, intervals: [100], message: name }).toBe(1);
  return node;
}

export async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/api/health`, { dispatcher: freshConnections });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function start(stage: Stage, role: "gateway" | "worker", env: Record<string, string>) {
  const { child, output } = launch([role], {
    HUB_DATA_DIR: stage.hub.dataDir,
    HUB_PRODUCTION: "false",
    LOG_LEVEL: "warn",
    ...env,
  });
  // no supervisor ends it, so a test that failed before its own end must
  const end = () => void child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  const exited = once(child, "exit").then(([code]) => code as number | null);
  return {
    pid: child.pid ?? 0,
    output,
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    stop: () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      return exited;
    },
  };
}

async function roleUrl({ hub }: Stage, role: "gateway" | "worker", through?: { port: number }): Promise<string> {
  const read = (...parts: string[]) => readFileSync(join(hub.dataDir, ...parts), "utf8").trim();
  const urls = await ensureRoles(read("postgres.url"), read("secrets", "HUB_SECRETS_KEY"));
  const url = new URL(urls?.[role] ?? "");
  if (through) url.port = String(through.port);
  return url.href;
}
