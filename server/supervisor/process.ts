import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 10_000;
const HEALTHY_AFTER_MS = 30_000;

export type Program = {
  name: string;
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  user?: { uid: number; gid: number };
  /** Lines of its output that are not worth showing. */
  isNoise?: (line: string) => boolean;
};

export type Events = { say(sentence: string): void; onSpawn(): void };

/** Keeps one role running: restarted with a growing pause when it ends by itself, until it is stopped. */
export class RoleProcess {
  private child: ChildProcess | undefined;
  private delayMs = FIRST_DELAY_MS;
  private timer: NodeJS.Timeout | undefined;
  private stopping = false;
  private replacing = false;

  constructor(
    private readonly program: Program,
    private readonly events: Events,
  ) {}

  get name(): string {
    return this.program.name;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  start(): void {
    const { args, cwd, env, user, isNoise } = this.program;
    const startedAt = performance.now();
    // Its own process group: Ctrl-C in a terminal reaches the supervisor alone, which stops roles in their order. The
    // channel tells a role that the supervisor is gone (server/tether.ts).
    const child = spawn(process.execPath, args, {
      cwd,
      env,
      ...user,
      detached: process.platform !== "win32",
      stdio: ["ignore", isNoise ? "pipe" : "inherit", "inherit", "ipc"],
    });
    if (child.stdout && isNoise) {
      createInterface({ input: child.stdout }).on("line", (line) => isNoise(line) || console.log(line));
    }
    this.child = child;
    child.once("error", (error) => {
      if (child.pid === undefined) this.restart(0, error.message);
    });
    child.once("exit", (code, signal) => {
      this.restart(performance.now() - startedAt, signal ? `signal ${signal}` : `exit code ${code}`);
    });
    this.events.onSpawn();
  }

  /** Asks it to end, and makes it end after `graceMs` or as soon as `hurry` fires. Resolves when it is gone. */
  async stop(graceMs: number, hurry: AbortSignal): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await this.end(graceMs, hurry);
  }

  /** Ends it; it then starts again like after a crash, at once. */
  async replace(): Promise<void> {
    this.replacing = isRunning(this.child);
    await this.end(5_000, new AbortController().signal);
  }

  private end(graceMs: number, hurry: AbortSignal): Promise<void> {
    const { child } = this;
    if (!isRunning(child)) return Promise.resolve();
    return new Promise((resolve) => {
      const kill = () => killGroup(child);
      const timer = setTimeout(kill, graceMs);
      child.once("exit", () => {
        clearTimeout(timer);
        hurry.removeEventListener("abort", kill);
        resolve();
      });
      if (hurry.aborted) kill();
      else hurry.addEventListener("abort", kill);
      child.kill("SIGTERM");
    });
  }

  private restart(livedMs: number, how: string): void {
    if (this.stopping) return;
    if (this.replacing) {
      this.replacing = false;
      this.start();
      return;
    }
    if (livedMs >= HEALTHY_AFTER_MS) this.delayMs = FIRST_DELAY_MS;
    const { delayMs } = this;
    this.events.say(`The ${this.name} ended (${how}); it starts again in ${delayMs / 1000} s.`);
    this.delayMs = Math.min(LAST_DELAY_MS, delayMs * 2);
    this.timer = setTimeout(() => this.start(), delayMs);
  }
}

function isRunning(child: ChildProcess | undefined): child is ChildProcess {
  return child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined && process.platform !== "win32") process.kill(-child.pid, "SIGKILL");
    else child.kill("SIGKILL");
  } catch {
    // gone between the look and the signal
  }
}
