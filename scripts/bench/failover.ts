import { once } from "node:events";
import type { LoadFigures, LoadOrder } from "./load";
import { type Routes, type Stage, setStage } from "./stage";

/** Success ratio and added latency while upstreams fail with HTTP 500: one of two routes, or both alike. */
const SECONDS = 6;
const CONCURRENCY = 16;
const SHARES = [0, 10, 50];
/** At least so many calls are to be served while one of two routes fails (F2 of the fault matrix). */
const AIM_ONE = 0.99;

const CASES = SHARES.flatMap((share) =>
  (["one", "both"] as const).map((which) => ({
    share,
    which,
    model: `bench-${which}-${share}`,
    // names tell two offers of a model apart
    upstreams: [`fails-${share}-a-${which}`, `fails-${which === "both" ? share : 0}-b-${which}`],
  })),
);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
const routes: Routes = Object.fromEntries(CASES.map(({ model, upstreams }) => [model, upstreams]));
const stage = await setStage([], routes);
try {
  // what is measured first must not pay for what is loaded on first use
  await measure(stage, CASES[0]?.model ?? "", 2);
  const rows = [];
  for (const one of CASES) rows.push({ ...one, ...(await measure(stage, one.model, SECONDS)) });
  const violations = await stage.violations();
  print(rows, violations.length, await stage.settledCalls());
} finally {
  await stage.stop();
}
process.exit(process.exitCode ?? 0);

async function measure({ hub, load }: Stage, model: string, seconds: number): Promise<LoadFigures> {
  const order: LoadOrder = {
    ...{ origin: hub.origin, key: hub.key, model, stream: true },
    ...{ concurrency: CONCURRENCY, seconds },
  };
  load.child.stdin?.write(`${JSON.stringify(order)}\n`);
  const [line] = (await once(load.lines, "line", { signal: AbortSignal.timeout(seconds * 1_000 + 60_000) })) as [
    string,
  ];
  return JSON.parse(line) as LoadFigures;
}

type Row = (typeof CASES)[number] & LoadFigures;

function print(rows: Row[], violations: number, settled: number): void {
  const ratioOf = ({ calls, failures }: Row) => calls / (calls + failures);
  for (const row of rows) {
    const base = rows.find(({ which, share }) => which === row.which && share === 0) ?? row;
    const added = (name: "p50Ms" | "p99Ms") => `${(row[name] - base[name]).toFixed(1).padStart(7)} ms`;
    const failing = row.which === "one" ? "one of two routes" : "both routes     ";
    console.log(
      `${failing} at ${String(row.share).padStart(2)} %: ${(ratioOf(row) * 100).toFixed(2)} % of ${row.calls + row.failures} served, p50 ${row.p50Ms.toFixed(1)} ms (added${added("p50Ms")}), p99 ${row.p99Ms.toFixed(1)} ms (added${added("p99Ms")})`,
    );
  }
  console.log(`\nStreams, ${CONCURRENCY} at once for ${SECONDS} s each; latency is that of served calls.`);
  const worst = Math.min(...rows.filter(({ which }) => which === "one").map(ratioOf));
  verdict("served while one of two routes fails", `${(worst * 100).toFixed(2)} %`, "≥ 99 %", worst >= AIM_ONE);
  verdict("ledger violations", String(violations), "0", violations === 0);
  console.log(`${settled} calls held, settled and recorded.`);
  if (worst < AIM_ONE || violations > 0) process.exitCode = 1;
}

function verdict(what: string, value: string, aim: string, met: boolean): void {
  console.log(`${met ? "met   " : "MISSED"}  ${what}: ${value} (aim ${aim})`);
}
