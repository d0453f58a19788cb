import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { LoadFigures, LoadOrder } from "./load";
import { cpuMs } from "./processes";
import { busiestProfile, topCosts } from "./profile";
import { MODELS, type Stage, setStage } from "./stage";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "5" },
    concurrency: { type: "string", default: "1,32,256" },
    shape: { type: "string", default: "plain,stream" },
    prof: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const concurrencies = values.concurrency.split(",").map(Number);
const shapes = values.shape.split(",") as Shape[];

type Shape = keyof typeof MODELS;
type Target = "hub" | "relay";
type Measured = LoadFigures & { cpuMicros: number; postgresMicros: number };
type Row = { shape: Shape; concurrency: number; hub: Measured; relay: Measured };

/** Gateway CPU per call, hub ÷ relay, at most; and calls per second at the best concurrency, at least. */
const AIMS = { plain: 3, stream: 2, trickle: 2, callsPerSecond: 4_000 };

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
await (values.prof === undefined ? compare() : profile());
process.exit(process.exitCode ?? 0);

async function compare(): Promise<void> {
  const stage = await setStage();
  try {
    for (const shape of shapes)
      for (const target of ["relay", "hub"] as const) await measure(stage, target, shape, 64, 2);
    const rows: Row[] = [];
    for (const shape of shapes)
      for (const concurrency of concurrencies) {
        const samples: Record<Target, Measured[]> = { hub: [], relay: [] };
        for (let round = 0; round < rounds; round++)
          // alternating which goes first, so that whatever else the machine does falls on both alike
          for (const target of (round % 2 ? ["hub", "relay"] : ["relay", "hub"]) as Target[])
            samples[target].push(await measure(stage, target, shape, concurrency, seconds));
        rows.push({ shape, concurrency, hub: medians(samples.hub), relay: medians(samples.relay) });
      }
    const violations = await stage.violations();
    print(rows, violations, await stage.settledCalls());
  } finally {
    await stage.stop();
  }
}

async function profile(): Promise<void> {
  if (values.prof !== "cpu") throw new Error(`--prof ${values.prof}: only "cpu" is known.`);
  const directory = path.join(path.dirname(fileURLToPath(import.meta.url)), "profiles");
  for (const shape of shapes) {
    const into = path.join(directory, shape);
    fs.rmSync(into, { recursive: true, force: true });
    const stage = await setStage(["--cpu-prof", "--cpu-prof-interval=200", `--cpu-prof-dir=${into}`]);
    try {
      await measure(stage, "hub", shape, 64, 2);
      const figures = await measure(stage, "hub", shape, concurrencies.at(-1) ?? 64, seconds);
      await stage.stopHub();
      const file = busiestProfile(into);
      if (!file) throw new Error(`The gateway wrote no profile into ${into}.`);
      console.log(
        `\n${shape}: ${Math.round(figures.cpuMicros)} µs of gateway CPU per call while profiled · ${path.relative(process.cwd(), file)}`,
      );
      for (const { where, share } of topCosts(file).costs)
        console.log(`${(share * 100).toFixed(1).padStart(5)} %  ${where}`);
    } finally {
      await stage.stop();
    }
  }
}

async function measure(
  stage: Stage,
  target: Target,
  shape: Shape,
  concurrency: number,
  duration: number,
): Promise<Measured> {
  const { origin, pid } = stage[target];
  const order: LoadOrder = {
    origin,
    key: stage.hub.key,
    model: MODELS[shape],
    stream: shape !== "plain",
    concurrency,
    seconds: duration,
  };
  const before = { cpu: cpuMs(pid), postgres: cpuMs(stage.postgresPid) };
  stage.load.child.stdin?.write(`${JSON.stringify(order)}\n`);
  const timeout = AbortSignal.timeout(duration * 1_000 + 60_000);
  const [line] = (await once(stage.load.lines, "line", { signal: timeout })) as [string];
  const figures = JSON.parse(line) as LoadFigures;
  if (figures.failures > 0)
    throw new Error(
      `${target}, ${shape}: ${figures.failures} of ${figures.failures + figures.calls} calls failed, the first with ${figures.firstFailure}`,
    );
  return {
    ...figures,
    cpuMicros: ((cpuMs(pid) - before.cpu) * 1_000) / figures.calls,
    postgresMicros: ((cpuMs(stage.postgresPid) - before.postgres) * 1_000) / figures.calls,
  };
}

function medians(samples: Measured[]): Measured {
  const median = (pick: (sample: Measured) => number) =>
    samples.map(pick).sort((a, b) => a - b)[samples.length >> 1] as number;
  return {
    calls: median(({ calls }) => calls),
    failures: 0,
    seconds: median((sample) => sample.seconds),
    p50Ms: median(({ p50Ms }) => p50Ms),
    p99Ms: median(({ p99Ms }) => p99Ms),
    cpuMicros: median(({ cpuMicros }) => cpuMicros),
    postgresMicros: median(({ postgresMicros }) => postgresMicros),
  };
}

function print(rows: Row[], violations: unknown[], settled: number): void {
  if (values.json) {
    console.log(JSON.stringify({ rows, violations: violations.length, settled }, null, 2));
    return;
  }
  const cells = rows.map(({ shape, concurrency, hub, relay }) => [
    shape,
    concurrency,
    ...[hub, relay].map(({ calls, seconds }) => Math.round(calls / seconds)),
    ...[hub, relay].map(({ cpuMicros }) => Math.round(cpuMicros)),
    `${(hub.cpuMicros / relay.cpuMicros).toFixed(2)}×`,
    Math.round(hub.postgresMicros),
    ...[hub, relay].flatMap(({ p50Ms, p99Ms }) => [p50Ms.toFixed(1), p99Ms.toFixed(1)]),
  ]);
  const head = [
    "shape",
    "at once",
    "hub/s",
    "relay/s",
    "hub µs",
    "relay µs",
    "ratio",
    "postgres µs",
    "hub p50",
    "p99 ms",
    "relay p50",
    "p99 ms",
  ];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => String(row[column]).length)));
  for (const row of [head, ...cells])
    console.log(row.map((cell, column) => String(cell).padStart(widths[column] as number)).join("  "));
  console.log(
    `\nCPU per call in µs, the hub's gateway process beside the relay process; medians of ${rounds} interleaved rounds of ${seconds} s.`,
  );

  // at the highest load, where the gateway spends its time on calls and not on waking up for one
  const most = Math.max(...concurrencies);
  for (const { shape, hub, relay } of rows.filter(({ concurrency }) => concurrency === most)) {
    const ratio = hub.cpuMicros / relay.cpuMicros;
    verdict(
      `gateway CPU per call, ${shape}, ${most} at once`,
      `${ratio.toFixed(2)}× the relay`,
      `≤ ${AIMS[shape]}×`,
      ratio <= AIMS[shape],
    );
  }
  const best = Math.max(...rows.filter(({ shape }) => shape === "plain").map(({ hub }) => hub.calls / hub.seconds));
  if (Number.isFinite(best))
    verdict(
      "calls per second, plain",
      String(Math.round(best)),
      `≥ ${AIMS.callsPerSecond}`,
      best >= AIMS.callsPerSecond,
    );
  verdict("ledger violations", String(violations.length), "0", violations.length === 0);
  console.log(`${settled} calls held, settled and recorded.`);
}

function verdict(what: string, value: string, aim: string, met: boolean): void {
  console.log(`${met ? "met   " : "MISSED"}  ${what}: ${value} (aim ${aim})`);
}
