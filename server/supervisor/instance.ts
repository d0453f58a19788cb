import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, whyTaken } from "@/server/ports";

/** What a running hub writes into its data directory, for the next start and for tools. */
export type Instance = { pid: number; born: string; url: string; roles: Record<string, number | undefined> };

export type InstanceLock = { update(roles: Instance["roles"]): void; release(): void };

/** Claims the data directory for this process. A claim whose process is gone is taken over. Throws Error when a hub
 *  that lives holds it: two supervisors would fight over one database and over each other's children. */
export function claimDataDir(dataDir: string, url: string): InstanceLock {
  // The database's own user passes through; nobody lists what is inside. One that exists is left as its owner made it.
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  const path = join(dataDir, "hub.json");
  const mine: Instance = { pid: process.pid, born: birthOf(process.pid), url, roles: {} };
  for (;;) {
    try {
      writeFileSync(path, JSON.stringify(mine), { flag: "wx", mode: 0o600 });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = readInstance(path);
    if (holder && isAlive(holder)) {
      throw new Error(
        `Another hub (process ${holder.pid}, ${holder.url}) uses ${dataDir}: stop it, or set HUB_DATA_DIR to another directory.`,
      );
    }
    rmSync(path, { force: true });
  }
  return {
    update: (roles) => {
      writeFileSync(`${path}.new`, JSON.stringify({ ...mine, roles }), { mode: 0o600 });
      renameSync(`${path}.new`, path); // read in the middle, a claim would look like half a file, and be taken over
    },
    release: () => rmSync(path, { force: true }),
  };
}

function readInstance(path: string): Instance | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Instance;
  } catch {
    return undefined; // removed meanwhile, or cut short by a crash
  }
}

/** The process lives and is the one that wrote the claim, not a later one with the same number. */
function isAlive({ pid, born }: Instance): boolean {
  return isProcessAlive(pid) && birthOf(pid) === born;
}

/** False also for a process that ended and that nobody has waited for. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return birthOf(pid) !== ZOMBIE;
}

const ZOMBIE = "zombie";

/** Linux: the start time of a process in clock ticks since boot. Elsewhere nothing, so that the number alone decides. */
function birthOf(pid: number): string {
  const stat = readStat(pid);
  // The command name, in parentheses, may hold spaces; field 22 counts from behind it.
  const fields = stat.split(") ").at(-1)?.split(" ") ?? [];
  return fields[0] === "Z" ? ZOMBIE : (fields[19] ?? "");
}

function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return "";
  }
}

/** Throws Error with a sentence when the public port cannot be opened. */
export async function assertPortFree(port: number): Promise<void> {
  const code = await whyTaken(port);
  if (code === "EADDRINUSE") throw new Error(`Port ${port} is in use: stop what uses it, or set PORT to another one.`);
  if (code === "EACCES") throw new Error(`Port ${port} may not be opened by this user: set PORT to one above 1023.`);
  if (code) throw new Error(`Port ${port} cannot be opened (${code}): set PORT to another one.`);
}

/** The internal port kept under this name in the data directory if it is free, else a new one, kept from then on. */
export async function keptPort(dataDir: string, name: string): Promise<number> {
  const path = join(dataDir, `${name}.port`);
  const kept = existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
  if (kept > 0 && kept < 65_536 && !(await whyTaken(kept, "127.0.0.1"))) return kept;
  const port = await freePort("127.0.0.1");
  writeFileSync(path, `${port}\n`);
  return port;
}

export async function isPortFree(port: number, host?: string): Promise<boolean> {
  return (await whyTaken(port, host)) === undefined;
}
