import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Role, variables } from "@/lib/env";
import { freePort } from "@/server/ports";

export type HubOptions = {
  /** Variables on top of an empty configuration. */
  env?: Record<string, string>;
  /** Of an earlier hub, to start it again; then `stop` keeps it. */
  dataDir?: string;
};

export type Hub = {
  /** As the supervisor prints it: `http://localhost:<port>`. */
  url: string;
  port: number;
  dataDir: string;
  managementKey: string;
  sandboxKey: string;
  /** Of the supervisor. */
  pid: number;
  /** Of the roles that run now. */
  pids(): Record<Role, number>;
  /** What the supervisor and its roles have printed so far. */
  output(): string;
  killRole(role: Role, signal?: NodeJS.Signals): void;
  /** SIGTERM, then the data directory goes. Resolves with the exit code. */
  stop(): Promise<number | null>;
};

const ROOT = join(import.meta.dirname, "../..");
const READY = /AIGNE Hub is ready/;

/** Runs the built product on free ports, with a data directory of its own. Resolves when it is ready; throws what it
 *  printed when it ends before. */
export async function startHub({ env = {}, dataDir }: HubOptions = {}): Promise<Hub> {
  const place = dataDir ?? makeDataDir();
  const port = Number(env.PORT ?? (await freePort()));
  const managementKey = env.HUB_BOOTSTRAP_MANAGEMENT_KEY ?? `aigne_mk_${randomBytes(24).toString("hex")}`;
  const launched = launch(["start"], {
    PORT: String(port),
    HUB_DATA_DIR: place,
    HUB_BOOTSTRAP_MANAGEMENT_KEY: managementKey,
    LOG_LEVEL: "warn",
    ...env,
  });
  const { child } = launched;
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const becameReady = new Promise<true>((resolve) => {
    child.stdout?.on("data", () => READY.test(launched.output()) && resolve(true));
  });
  if ((await Promise.race([becameReady, exited])) !== true)
    throw new Error(`The hub did not start:\n${launched.output()}`);

  const pids = () => JSON.parse(readFileSync(join(place, "hub.json"), "utf8")).roles as Record<Role, number>;
  const keyFile = join(place, "sandbox.key");
  return {
    url: `http://localhost:${port}`,
    port,
    dataDir: place,
    managementKey,
    sandboxKey: existsSync(keyFile) ? readFileSync(keyFile, "utf8").trim() : "",
    pid: child.pid ?? 0,
    pids,
    output: launched.output,
    killRole: (role, signal = "SIGKILL") => void process.kill(pids()[role], signal),
    stop: async () => {
      child.kill("SIGTERM");
      const code = await exited;
      if (!dataDir) rmSync(place, { recursive: true, force: true });
      return code;
    },
  };
}

/** An empty data directory, which the database's own user can enter where the tests run as root. */
export function makeDataDir(): string {
  const place = mkdtempSync(join(process.env.HUB_TEST_DIR ?? tmpdir(), "hub-"));
  chmodSync(place, 0o711);
  return place;
}

export type Launched = { child: ChildProcess; output(): string };

/** Starts `server/launch.mjs` with these variables and no others: what a developer's shell or .env holds is blanked. */
export function launch(args: readonly string[], env: Record<string, string>): Launched {
  const blank = Object.keys(variables.shape).flatMap((name) => [name, `${name}_FILE`]);
  const { PATH, HOME, TMPDIR, LANG } = process.env;
  const system = Object.entries({ PATH, HOME, TMPDIR, LANG }).filter(([, value]) => value !== undefined);
  const child = spawn(process.execPath, [join(ROOT, "server/launch.mjs"), ...args], {
    cwd: ROOT,
    env: {
      NODE_ENV: "production",
      ...Object.fromEntries(system),
      ...Object.fromEntries(blank.map((name) => [name, ""])),
      ...env,
    },
    // The channel lets the supervisor see that the tests are gone, however they ended.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let text = "";
  child.stdout?.on("data", (chunk) => (text += chunk));
  child.stderr?.on("data", (chunk) => (text += chunk));
  return { child, output: () => text };
}
