import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { createInterface, type Interface } from "node:readline";

/** Milliseconds per tick of /proc/<pid>/stat (sysconf(_SC_CLK_TCK) is 100 on every Linux Node runs on). */
const TICK_MS = 10;

export type Line = { child: ChildProcess; lines: Interface };

/** Starts a script of its own whose first line of output is JSON. */
export async function startWorker<First>(script: string, args: string[] = []): Promise<Line & { first: First }> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  endWithUs(child);
  const [line] = (await once(lines, "line", { signal: AbortSignal.timeout(10_000) })) as [string];
  return { child, lines, first: JSON.parse(line) as First };
}

/** A bench that fails or is interrupted leaves nothing running. */
export function endWithUs(child: ChildProcess): void {
  process.once("exit", () => child.kill("SIGKILL"));
}

/** CPU milliseconds spent so far by a process and everything it has started and that still runs. */
export function cpuMs(pid: number): number {
  let total = 0;
  for (const id of familyOf(pid)) {
    const stat = fs.readFileSync(`/proc/${id}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    total += (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }
  return total;
}

function familyOf(pid: number): number[] {
  const family = [pid];
  for (const parent of family) {
    for (const task of fs.readdirSync(`/proc/${parent}/task`)) {
      const children = fs.readFileSync(`/proc/${parent}/task/${task}/children`, "utf8").trim();
      if (children) family.push(...children.split(" ").map(Number));
    }
  }
  return family;
}

/** The postmaster's pid, from the cluster's lock file. */
export function postmasterPid(cluster: string): number {
  return Number(fs.readFileSync(`${cluster}/postmaster.pid`, "utf8").split("\n")[0]);
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await once(child, "exit");
  clearTimeout(timer);
}
