import cluster from "node:cluster";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { databaseUrlFor, EnvError, env } from "@/lib/env";
import { startGateway } from "@/lib/gateway/runtime";
import { createClientAddress } from "@/lib/http/client-address";
import { logger } from "@/lib/log";
import { armCrashPoints } from "@/server/crash-points";
import { drainGateway } from "@/server/gateway/drain";
import { createMetrics, serveClusterMetrics } from "@/server/gateway/metrics";
import { createNotice } from "@/server/gateway/notice";
import { createGatewayServer } from "@/server/gateway/server";
import { createWebProxy } from "@/server/gateway/web-proxy";

// The data plane: owns the public port. With several workers the primary only forks, restarts and adds up metrics.

const DRAIN_MS = 30_000;
const log = logger("gateway");

try {
  if (cluster.isPrimary && env().gatewayWorkers > 1) runPrimary(env().gatewayWorkers);
  else await serve();
} catch (error) {
  if (error instanceof EnvError) console.error(error.message);
  else log.fatal({ err: error }, "gateway ended");
  process.exit(1);
}

async function serve(): Promise<void> {
  const settings = env();
  armCrashPoints(settings.crashPoints);
  const peppers = [settings.keyPepper, ...(settings.keyPepperPrevious ? [settings.keyPepperPrevious] : [])];
  const node = settings.gatewayNode;
  const runtime = await startGateway({
    databaseUrl: databaseUrlFor("gateway"),
    node,
    secretsKey: settings.secretsKey,
    peppers,
    namedStatements: settings.pgNamedStatements,
    spoolDirectory: join(settings.dataDir, "spool"),
    log,
    onFenced() {
      log.fatal(
        { node },
        "another process has taken this node's name: set HUB_NODE_NAME to a name of its own for each hub",
      );
      process.exit(1);
    },
  });
  const clients = createClientAddress(settings.trustedProxies);
  const proxyTo = (port: number, name: string) =>
    createWebProxy({
      port,
      clients,
      development: settings.development,
      onError: (error) => log.warn({ err: error }, `${name} did not answer`),
    });
  const web = proxyTo(settings.webPort, "web");
  const { stripeSimulatorPort } = settings;
  const stripe = stripeSimulatorPort ? proxyTo(stripeSimulatorPort, "the simulation of Stripe") : undefined;
  let draining = false;
  const notice = createNotice();
  const calls = new Set<ServerResponse>();
  const server = createGatewayServer({
    runtime,
    metrics: createMetrics(runtime),
    web,
    stripe,
    clients,
    webPort: settings.webPort,
    peppers,
    isDraining: () => draining,
    notice,
    calls,
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(settings.port, resolve);
  });
  log.info({ port: settings.port, node }, "gateway ready");

  const drain = async () => {
    if (draining) return;
    draining = true;
    await drainGateway({ server, runtime, notice, calls, timeoutMs: DRAIN_MS });
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void drain());
}

/** Each worker keeps the slot of the one it replaces, so that its node name stays and a new epoch fences the old life. */
function runPrimary(workers: number): void {
  let stopping = false;
  serveClusterMetrics();
  const fork = (slot: number) => {
    const startedAt = performance.now();
    cluster.fork({ HUB_WORKER_SLOT: String(slot) }).on("exit", (code, signal) => {
      if (stopping) return;
      log.error({ exitCode: code, signal }, "a gateway worker ended and is replaced");
      setTimeout(() => fork(slot), performance.now() - startedAt < 5_000 ? 1_000 : 0);
    });
  };
  for (let slot = 1; slot <= workers; slot++) fork(slot);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      stopping = true;
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGTERM");
    });
  }
  cluster.on("exit", () => {
    if (stopping && Object.keys(cluster.workers ?? {}).length === 0) process.exit(0);
  });
}
