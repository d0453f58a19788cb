import cluster from "node:cluster";
import { AggregatorRegistry, Counter, collectDefaultMetrics, Gauge, Histogram, register } from "prom-client";
import type { GatewayRuntime } from "@/lib/gateway/runtime";
import { registerRouteMetrics } from "@/server/gateway/route-metrics";

/** The gateway's Prometheus metrics. With several workers the primary adds them up. */
export type Metrics = {
  observe(call: { route: string; status: number; durationMs: number }): void;
  render(): Promise<string>;
};

export function createMetrics(runtime: GatewayRuntime): Metrics {
  collectDefaultMetrics({ prefix: "hub_" });
  const calls = new Counter({
    name: "hub_http_requests_total",
    help: "Answers of the data plane by endpoint and status",
    labelNames: ["route", "status"],
  });
  const duration = new Histogram({
    name: "hub_http_request_duration_seconds",
    help: "Time until the whole answer was sent",
    labelNames: ["route"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  });
  new Gauge({
    name: "hub_calls_running",
    help: "Admitted calls not finished",
    collect() {
      this.set(runtime.statistics().running);
    },
  });
  new Gauge({
    name: "hub_settlements_pending",
    help: "Finished calls whose settlement is not committed",
    collect() {
      this.set(runtime.statistics().unsettled);
    },
  });
  const gauges = {
    hub_oldest_call_seconds: [
      "Age of the call, and hold, that has run longest; above 1200 is an alarm",
      "oldestCallMs",
      1000,
    ],
    hub_oldest_settlement_seconds: [
      "How long the spool has not been empty; above 60 is an alarm",
      "oldestUnsettledMs",
      1000,
    ],
    hub_settlements_refused_total: ["Settlements the database refused since start; any is an alarm", "refused", 1],
  } as const;
  for (const [name, [help, figure, divisor]] of Object.entries(gauges)) {
    new Gauge({
      ...{ name, help, aggregator: figure === "refused" ? "sum" : "max" },
      collect() {
        this.set(runtime.statistics()[figure] / divisor);
      },
    });
  }
  new Gauge({
    name: "hub_route_rest_seconds",
    help: "How long a route still rests; 0 for one that has to prove itself again. Routes that are well have no line",
    labelNames: ["target", "state"],
    aggregator: "max",
    collect() {
      this.reset();
      for (const { target, state, restMs } of runtime.health.states()) this.set({ target, state }, restMs / 1000);
    },
  });
  for (const what of ["statements", "items"] as const) {
    new Gauge({
      name: `hub_wallet_${what}_total`,
      help: `Money ${what} since start, by verb`,
      labelNames: ["verb"],
      collect() {
        for (const [verb, counts] of Object.entries(runtime.statistics().statements)) this.set({ verb }, counts[what]);
      },
    });
  }
  registerRouteMetrics(runtime);
  return {
    observe({ route, status, durationMs }) {
      calls.inc({ route, status });
      duration.observe({ route }, durationMs / 1000);
    },
    render: () => (cluster.isWorker ? askPrimary() : register.metrics()),
  };
}

type Message = { hubMetrics: "ask" | "answer"; id: number; text?: string };

/** In the primary: answers workers that were asked for metrics with the sum over all of them. */
export function serveClusterMetrics(): void {
  const registry = new AggregatorRegistry();
  cluster.on("message", (worker, message: Message) => {
    if (message?.hubMetrics !== "ask") return;
    registry.clusterMetrics().then(
      (text) => worker.send({ hubMetrics: "answer", id: message.id, text } satisfies Message),
      () => worker.send({ hubMetrics: "answer", id: message.id, text: "" } satisfies Message),
    );
  });
}

let asked = 0;

function askPrimary(): Promise<string> {
  const id = ++asked;
  return new Promise((resolve) => {
    const listen = (message: Message) => {
      if (message?.hubMetrics !== "answer" || message.id !== id) return;
      process.off("message", listen);
      resolve(message.text ?? "");
    };
    process.on("message", listen);
    process.send?.({ hubMetrics: "ask", id } satisfies Message);
  });
}
