import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import pg from "pg";
import { afterEach, expect, test } from "vitest";
import { startEmbeddedPostgres } from "@/server/embedded-postgres";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function temporaryDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "hub-postgres-"));
  fs.chmodSync(directory, 0o755); // as root the server runs as another user, which must get in
  cleanups.push(async () => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function start(dataDir: string) {
  const postgres = await startEmbeddedPostgres({ dataDir, port: 0 });
  cleanups.push(() => postgres.stop("immediate"));
  return postgres;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  cleanups.push(() => client.end().catch(() => {}));
  return client;
}

test("creates a cluster once, keeps its password to itself and reuses a running one", async () => {
  const dataDir = temporaryDirectory();
  const first = await start(dataDir);
  const second = await start(dataDir);
  expect([first.started, second.started]).toEqual([true, false]);
  expect(second.url).toBe(first.url);
  expect(fs.statSync(path.join(dataDir, "postgres.url")).mode & 0o777).toBe(0o600);
  expect(fs.readFileSync(path.join(dataDir, "postgres.url"), "utf8").trim()).toBe(first.url);
  const client = await connect(first.url);
  const settings =
    "SELECT current_setting('listen_addresses') AS address, current_setting('lc_collate', true) AS locale";
  expect((await client.query(settings)).rows[0].address).toBe("127.0.0.1");
  await expect(connect(first.url.replace(/:[^:@/]+@/, ":wrong@"))).rejects.toThrow("password");
});

test("kill -9 of the whole server in the middle of inserts loses no acknowledged row", async () => {
  const dataDir = temporaryDirectory();
  const postgres = await start(dataDir);
  const setup = await connect(postgres.url);
  await setup.query("CREATE TABLE acknowledged (n int PRIMARY KEY)");
  const acknowledged: number[] = [];
  const writers = await Promise.all(Array.from({ length: 4 }, () => connect(postgres.url)));
  let next = 0;
  const writing = writers.map(async (writer) => {
    for (;;) {
      const n = next++;
      await writer.query("INSERT INTO acknowledged VALUES ($1)", [n]);
      acknowledged.push(n);
    }
  });
  const stopped = Promise.allSettled(writing);
  await expect.poll(() => acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(300);
  killAll(postgres.dataDir);
  await stopped;
  const again = await start(dataDir);
  expect(again.started).toBe(true);
  const kept = new Set((await (await connect(again.url)).query("SELECT n FROM acknowledged")).rows.map((row) => row.n));
  expect(acknowledged.filter((n) => !kept.has(n))).toEqual([]);
});

test("a pid file that names another program is not a running server", async () => {
  const dataDir = temporaryDirectory();
  const postgres = await start(dataDir);
  await postgres.stop();
  fs.writeFileSync(
    path.join(postgres.dataDir, "postmaster.pid"),
    `${process.pid}\n${postgres.dataDir}\n0\n1\n\n127.0.0.1\n`,
  );
  expect((await start(dataDir)).started).toBe(true);
});

test("a lost password file is a sentence, not an empty database", async () => {
  const dataDir = temporaryDirectory();
  const postgres = await start(dataDir);
  await postgres.stop();
  fs.rmSync(path.join(dataDir, "postgres.url"));
  await expect(start(dataDir)).rejects.toThrow(/postgres\.url is missing; it holds the password/);
});

/** SIGKILLs the postmaster and every process it has started: nobody gets to flush anything. */
function killAll(cluster: string): void {
  const postmaster = Number(fs.readFileSync(path.join(cluster, "postmaster.pid"), "utf8").split("\n")[0]);
  const children = fs
    .readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8")
    .trim()
    .split(" ")
    .map(Number);
  for (const pid of [postmaster, ...children]) process.kill(pid, "SIGKILL");
}
