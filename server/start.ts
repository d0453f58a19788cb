import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Env, environment, parseEnv, type Role, type Secrets } from "@/lib/env";
import { seed } from "@/prisma/seed";
import { ensureRoles, migrate } from "@/server/migrate";
import { root } from "@/server/root";
import { announceReady } from "@/server/supervisor/announce";
import { assertAnswers, type Database, openDatabase } from "@/server/supervisor/database";
import { type Fleet, startFleet } from "@/server/supervisor/fleet";
import { assertPortFree, claimDataDir, type InstanceLock, keptPort } from "@/server/supervisor/instance";
import { ensureSecrets } from "@/server/supervisor/secrets";
import { offerSetup } from "@/server/supervisor/setup-token";
import { simulateStripe } from "@/server/supervisor/simulation";

// The supervisor behind `npm start` and `npm run dev`: brings up database, gateway, web and worker, keeps them running,
// and takes them down in order. As `migrate` and `seed` it does that step alone.

const READY_WITHIN_MS = 90_000;
const command = process.argv[2] ?? "start";
const development = command === "dev";
const isService = command === "start" || development;

const up: { lock?: InstanceLock; database?: Promise<Database>; fleet?: Fleet } = {};
let stopping: Promise<void> | undefined;

takeSignals();
followParent();
await main().catch(fail);

async function main(): Promise<void> {
  const settings = parseEnv(environment());
  if (isService) await assertPortFree(settings.port);
  up.lock = claimDataDir(settings.dataDir, `http://localhost:${settings.port}`);
  const secrets = await ensureSecrets(settings);
  up.database = openDatabase(settings, say);
  const [database] = await Promise.all([up.database, isService && !development && buildWeb()]);

  const applied = await migrate(database.url);
  if (command === "migrate") say(applied.length > 0 ? `Applied ${applied.join(", ")}.` : "The database is up to date.");
  const databaseUrls = await connectRoles(database.url, settings, secrets);
  const sandboxKey = command === "migrate" ? undefined : await plant(database.url, settings, secrets);
  if (command === "seed") say("Seeded.");
  if (isService) await serve(settings, secrets, database, databaseUrls, sandboxKey);
  else await stop();
}

async function serve(
  settings: Env,
  secrets: Secrets,
  database: Database,
  databaseUrls: Record<Role, string>,
  sandboxKey: string | undefined,
): Promise<void> {
  const { port, publicUrl, dataDir } = settings;
  const simulated = await simulateStripe(settings, secrets.HUB_KEY_PEPPER);
  const source = { ...environment(), ...simulated?.variables };
  const webPort = source.HUB_WEB_PORT ? settings.webPort : await keptPort(dataDir, "web");
  const onSpawn = (pids: Record<Role, number | undefined>) => up.lock?.update(pids);
  if (stopping) return;
  const simulation = simulated?.options;
  up.fleet = startFleet({ settings, source, simulation, secrets, databaseUrls, webPort, development, say, onSpawn });
  if (development) await rebuildOnChange(up.fleet);
  await waitUntilReady(port);
  if (stopping) return;
  const setupToken = await offerSetup(database.url);
  const startedInMs = performance.now();
  say(
    announceReady({
      port,
      publicUrl,
      dataDir,
      embeddedDatabase: database.embedded,
      sandboxKey,
      setupToken,
      simulation,
      startedInMs,
    }),
  );
}

/** Seeds as the owner, since the seed writes what no role may. Returns the key for a first call, outside production. */
async function plant(databaseUrl: string, settings: Env, secrets: Secrets): Promise<string | undefined> {
  const { production, dataDir, sandboxInProduction } = settings;
  const { bootstrapManagementKey, bootstrapAdminEmail, bootstrapAdminPassword } = settings;
  const keyPepper = secrets.HUB_KEY_PEPPER;
  const bootstrap = { bootstrapManagementKey, bootstrapAdminEmail, bootstrapAdminPassword };
  const { sandboxKey } = await seed({ databaseUrl, production, dataDir, keyPepper, sandboxInProduction, ...bootstrap });
  return sandboxKey;
}

/** Each role's own database user where the owner may make users, so that web cannot write what only gateway may. */
async function connectRoles(ownerUrl: string, settings: Env, secrets: Secrets): Promise<Record<Role, string>> {
  const given = {
    gateway: settings.databaseUrlGateway,
    web: settings.databaseUrlWeb,
    worker: settings.databaseUrlWorker,
  };
  for (const [role, url] of Object.entries(given)) {
    if (url) await assertAnswers(url, `HUB_DATABASE_URL_${role.toUpperCase()}`);
  }
  if (given.gateway && given.web && given.worker) return { ...given } as Record<Role, string>;
  // Derived from the one secret that web does not hold: it must not be able to compute the gateway's password.
  const made = await ensureRoles(ownerUrl, secrets.HUB_SECRETS_KEY);
  if (!made)
    say("The database user of DATABASE_URL may not create roles, so gateway, web and worker share its rights.");
  return {
    gateway: given.gateway ?? made?.gateway ?? ownerUrl,
    web: given.web ?? made?.web ?? ownerUrl,
    worker: given.worker ?? made?.worker ?? ownerUrl,
  };
}

type Builder = {
  build(names: string[], options: { announce(sentence: string): void }): Promise<void>;
  watchServer(onBuilt: () => void): Promise<() => Promise<void>>;
};

/** The build script is not part of the bundle, since it makes the bundle. */
async function builder(): Promise<Builder> {
  return (await import(pathToFileURL(join(root, "scripts/build.mjs")).href)) as Builder;
}

async function buildWeb(): Promise<void> {
  await (await builder()).build(["web"], { announce: say });
}

async function rebuildOnChange(fleet: Fleet): Promise<void> {
  let isFirst = true;
  await (await builder()).watchServer(() => {
    if (isFirst) isFirst = false;
    else void fleet.replaceServers().then(() => say("Server code changed: gateway and worker run the new one."));
  });
}

async function waitUntilReady(port: number): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  let last = "no answer";
  while (!stopping) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/api/ready`, { signal: AbortSignal.timeout(5_000) });
      if (response.ok) return;
      last = await response.text();
    } catch {
      // not listening yet
    }
    if (performance.now() > deadline)
      throw new Error(`The hub is not ready after ${READY_WITHIN_MS / 1000} s: ${last}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function takeSignals(): void {
  const hurry = new AbortController();
  let askedAt = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // npm passes on the signal that a terminal has already sent to everybody: that is one wish, not two.
      if (askedAt > 0 && performance.now() - askedAt > 500) hurry.abort();
      if (askedAt > 0) return;
      askedAt = performance.now();
      say("Stopping: calls in flight may finish (up to 30 s). A second signal ends them.");
      void stop(hurry.signal).then(() => process.exit(0));
    });
  }
}

/** Whoever started this process with a channel wants it to end with them: tests, however they end. */
function followParent(): void {
  if (!process.channel) return;
  process.once("disconnect", () => void stop().then(() => process.exit(0)));
  process.channel.unref();
}

/** Takes down what this process brought up, the database last. */
function stop(hurry: AbortSignal = new AbortController().signal): Promise<void> {
  stopping ??= (async () => {
    await up.fleet?.stop(hurry);
    const database = await up.database?.catch(() => undefined);
    await database?.stop();
    up.lock?.release();
  })();
  return stopping;
}

/** One sentence for the operator; the stack only for whoever asks for it with LOG_LEVEL=debug. */
async function fail(error: unknown): Promise<void> {
  if (stopping) return; // pulled from under it
  const { LOG_LEVEL } = environment();
  const isAsked = LOG_LEVEL === "debug" || LOG_LEVEL === "trace";
  console.error(error instanceof Error ? (isAsked ? error.stack : error.message) : String(error));
  await stop();
  process.exit(1);
}

function say(sentence: string): void {
  console.log(sentence);
}
