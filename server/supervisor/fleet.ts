import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { Role } from "@/lib/env";
import { root } from "@/server/root";
import { environmentFor, type RoleInput } from "./environment";
import { type Program, RoleProcess } from "./process";
import { exposedKeyFile, webUser } from "./unprivileged";

const DRAIN_MS = 36_000; // the gateway itself ends streams after 30 s and settles them
const STOP_MS = 10_000;

export type Fleet = {
  /** Gateway first, so that calls in flight still find everything they need; then web and worker. */
  stop(hurry: AbortSignal): Promise<void>;
  /** Runs new code: gateway and worker end and start again. */
  replaceServers(): Promise<void>;
};

export type FleetInput = Omit<RoleInput, "databaseUrl"> & {
  /** The settings of the simulation of Stripe, where there is one. */
  simulation?: object;
  databaseUrls: Record<Role, string>;
  say(sentence: string): void;
  onSpawn(pids: Record<Role, number | undefined>): void;
};

/** Starts gateway, web and worker, each with its own environment, and keeps them running. */
export function startFleet(input: FleetInput): Fleet {
  const create = (role: Role) => new RoleProcess(programFor(role, input), { say: input.say, onSpawn: report });
  const fleet = { gateway: create("gateway"), web: create("web"), worker: create("worker") };
  function report() {
    input.onSpawn({ gateway: fleet.gateway.pid, web: fleet.web.pid, worker: fleet.worker.pid });
  }
  const simulation =
    input.simulation && new RoleProcess(simulationOf(input, input.simulation), { say: input.say, onSpawn() {} });
  for (const process of Object.values(fleet)) process.start();
  simulation?.start();
  return {
    stop: async (hurry) => {
      await fleet.gateway.stop(DRAIN_MS, hurry);
      await Promise.all([fleet.web, fleet.worker, simulation].map((process) => process?.stop(STOP_MS, hurry)));
    },
    replaceServers: async () => {
      await Promise.all([fleet.gateway.replace(), fleet.worker.replace()]);
    },
  };
}

/** It shares nothing with the hub but the system's variables: no database, no secret. */
function simulationOf(input: FleetInput, settings: object): Program {
  const { PATH, HOME, TMPDIR, TZ } = input.source;
  const tether = ["--enable-source-maps", "--import", pathToFileURL(join(root, "dist/tether.js")).href];
  const args = [...tether, join(root, "dist/stripe-simulator.js"), JSON.stringify(settings)];
  return { name: "simulation of Stripe", cwd: root, env: { PATH, HOME, TMPDIR, TZ, NODE_ENV: "production" }, args };
}

function programFor(role: Role, input: FleetInput): Program {
  const env = environmentFor(role, { ...input, databaseUrl: input.databaseUrls[role] });
  const tether = ["--enable-source-maps", "--import", pathToFileURL(join(root, "dist/tether.js")).href];
  const program = { name: role, cwd: root, env, args: [...tether, join(root, "dist", `${role}.js`)] };
  if (role !== "web") return program;
  if (input.development) {
    const next = [join(root, "node_modules/next/dist/bin/next"), "dev"];
    return {
      ...program,
      isNoise,
      args: [...tether, ...next, "--hostname", "127.0.0.1", "--port", String(input.webPort)],
    };
  }
  const readable = [
    join(root, ".next/standalone/server.js"),
    join(root, "dist/web.js"),
    join(root, "node_modules/pg/package.json"),
  ];
  const exposed = exposedKeyFile([join(root, ".env"), input.source.HUB_SECRETS_KEY_FILE]);
  if (exposed) input.say(exposed);
  return { ...program, isNoise, user: webUser(readable, input.say) };
}

/** Next announces its internal address, which nobody should open. */
function isNoise(line: string): boolean {
  const text = stripVTControlCharacters(line).trim();
  return text === "" || /^(▲ Next|- (Local|Network|Environments)\b|✓ (Starting|Ready|Running))/.test(text);
}
