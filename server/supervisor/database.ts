import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { Env } from "@/lib/env";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "@/server/embedded-postgres";
import { isPortFree, isProcessAlive } from "./instance";

const WATCH_EVERY_MS = 500;

export type Database = {
  url: string;
  /** Where the files of the embedded one are. */
  embedded?: string;
  stop(): Promise<void>;
};

/** The database of this hub: the one DATABASE_URL names, proved to answer, or the embedded one, started and kept alive.
 *  Throws Error with a sentence. */
export async function openDatabase(settings: Env, say: (sentence: string) => void): Promise<Database> {
  if (settings.databaseUrl) {
    await assertAnswers(settings.databaseUrl);
    return { url: settings.databaseUrl, stop: async () => {} };
  }
  const { dataDir } = settings;
  const options = { dataDir, announce: say };
  const first = await startEmbeddedPostgres({ ...options, port: lastPort(dataDir) });
  const stopWatching = keepAlive(first, (port) => startEmbeddedPostgres({ ...options, port }), say);
  return {
    url: first.url,
    embedded: first.dataDir,
    stop: async () => {
      await stopWatching();
      await stopPostmaster(first.dataDir);
    },
  };
}

/** Throws Error with one sentence, which never holds the password. */
export async function assertAnswers(url: string, variable = "DATABASE_URL"): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    application_name: "hub-start",
  });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ version: number }>(
      "SELECT current_setting('server_version_num')::int AS version",
    );
    const version = rows[0]?.version ?? 0;
    if (version < 150_000)
      throw new Error(`it is PostgreSQL ${Math.floor(version / 10_000)}, and the hub needs 15 or newer`);
  } catch (error) {
    const { hostname, port } = new URL(url);
    const place = `${hostname || "the local socket"}:${port || 5432}`;
    const reason = reasonOf(error);
    throw new Error(
      `${variable} does not answer at ${place} (${reason}): start that PostgreSQL, correct the URL, or unset it to use the embedded one.`,
    );
  } finally {
    await client.end().catch(() => {});
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ECONNREFUSED") return "connection refused";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "no such host";
  return message || String(code);
}

/** The port of the last run, so that a kept URL stays right; 0 asks for a free one. */
function lastPort(dataDir: string): number {
  const path = join(dataDir, "postgres.url");
  return existsSync(path) ? Number(new URL(readFileSync(path, "utf8").trim()).port) : 0;
}

/** Starts the database again when its process dies, on the same port: everybody's pools then simply reconnect. */
function keepAlive(
  { dataDir, url }: EmbeddedPostgres,
  startAgain: (port: number) => Promise<EmbeddedPostgres>,
  say: (sentence: string) => void,
): () => Promise<void> {
  const port = Number(new URL(url).port);
  let stopped = false;
  let recovery: Promise<void> = Promise.resolve();
  const recover = async () => {
    say("The database ended; it starts again.");
    // Its orphaned backends hold the port for a moment; on another port nobody would find it.
    while (!stopped && !(await isPortFree(port, "127.0.0.1"))) await pause(100);
    if (!stopped) await startAgain(port);
  };
  const look = async () => {
    const pid = postmasterOf(dataDir);
    if (pid === undefined || !isProcessAlive(pid)) {
      recovery = recover().catch((error: Error) => say(error.message));
      await recovery;
    }
    if (!stopped) timer = setTimeout(look, WATCH_EVERY_MS);
  };
  let timer = setTimeout(look, WATCH_EVERY_MS);
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await recovery;
  };
}

/** Fast shutdown, also of a postmaster that an earlier, killed supervisor left behind: the data directory is ours. */
async function stopPostmaster(dataDir: string): Promise<void> {
  const pid = postmasterOf(dataDir);
  if (pid === undefined || !isProcessAlive(pid)) return;
  process.kill(pid, "SIGINT");
  while (isProcessAlive(pid)) await pause(20);
}

function postmasterOf(dataDir: string): number | undefined {
  try {
    return Number(readFileSync(join(dataDir, "postmaster.pid"), "utf8").split("\n")[0]) || undefined;
  } catch {
    return undefined;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
