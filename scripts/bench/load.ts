import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { type Dispatcher, Pool } from "undici";

/** The load generator: reads one order per line, keeps `concurrency` calls in flight for `seconds`, answers with the figures. */
export type LoadOrder = {
  origin: string;
  key: string;
  model: string;
  stream: boolean;
  concurrency: number;
  seconds: number;
};
export type LoadFigures = {
  calls: number;
  failures: number;
  seconds: number;
  p50Ms: number;
  p99Ms: number;
  firstFailure?: string;
};

const pools = new Map<string, Pool>();

async function run(order: LoadOrder): Promise<LoadFigures> {
  const pool = pools.get(order.origin) ?? new Pool(order.origin, { connections: 256, pipelining: 1 });
  pools.set(order.origin, pool);
  const body = JSON.stringify({
    model: order.model,
    messages: [{ role: "user", content: "Say a hundred words." }],
    ...(order.stream && { stream: true }),
  });
  const headers = { "content-type": "application/json", authorization: `Bearer ${order.key}` };
  const latencies: number[] = [];
  let failures = 0;
  let firstFailure: string | undefined;

  const startedAt = performance.now();
  const stopAt = startedAt + order.seconds * 1_000;
  const worker = async () => {
    while (performance.now() < stopAt) {
      const began = performance.now();
      const failure = await call(pool, body, headers, order.stream);
      if (failure === null) latencies.push(performance.now() - began);
      else {
        failures++;
        firstFailure ??= failure;
      }
    }
  };
  await Promise.all(Array.from({ length: order.concurrency }, worker));
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
  return {
    calls: latencies.length,
    failures,
    seconds: (performance.now() - startedAt) / 1_000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    firstFailure,
  };
}

/** Null when the whole answer came (a stream: up to its `[DONE]`), else what went wrong. */
function call(pool: Pool, body: string, headers: Record<string, string>, stream: boolean): Promise<string | null> {
  return new Promise((resolve) => {
    let status = 0;
    let last: Buffer | undefined;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart(_controller, statusCode) {
        status = statusCode;
      },
      onResponseData(_controller, chunk) {
        last = chunk;
      },
      onResponseEnd() {
        if (status !== 200) return resolve(`HTTP ${status} ${last?.toString().slice(0, 200)}`);
        resolve(stream && !last?.includes("[DONE]") ? `no [DONE]: ${last?.toString().slice(-200)}` : null);
      },
      onResponseError(_controller, error) {
        resolve(String(error));
      },
    };
    pool.dispatch({ path: "/api/v1/chat/completions", method: "POST", headers, body }, handler);
  });
}

// whoever started this waits for a first line
process.stdout.write("{}\n");
for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as LoadOrder))}\n`);
process.exit(0);
