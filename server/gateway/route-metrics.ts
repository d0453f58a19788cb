import { Counter, Gauge, Histogram } from "prom-client";
import type { GatewayRuntime } from "@/lib/gateway/runtime";

const BUCKETS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

type CredentialRow = {
  provider: string;
  credential: string;
  state: string;
  balance: string | null;
  unit: string | null;
  ok: boolean | null;
  checkedAt: number | null;
};

/** What upstreams do, as this process sees it, and what all processes know of credentials. Labels come from the operator's
 *  configuration, so that no tenant can multiply them. */
export function registerRouteMetrics({ health, sql }: Pick<GatewayRuntime, "health" | "sql">): void {
  const route = ["provider", "model"];
  const attempts = new Counter({
    name: "hub_upstream_attempts_total",
    help: "Attempts by what became of them: ok, failed (upstream trouble), limited (429), refused (our credential), neutral",
    labelNames: [...route, "credential", "verdict"],
  });
  const tokens = new Counter({
    name: "hub_upstream_output_tokens_total",
    help: "Output tokens of attempts that were answered",
    labelNames: route,
  });
  const latency = new Histogram({
    name: "hub_upstream_latency_seconds",
    help: "How long attempts took that were answered",
    ...{ labelNames: route, buckets: BUCKETS_SECONDS },
  });
  const firstToken = new Histogram({
    name: "hub_upstream_first_token_seconds",
    help: "How long streams took to their first token",
    ...{ labelNames: route, buckets: BUCKETS_SECONDS },
  });
  health.counts.observer = ({ offer, credential }, verdict, figures) => {
    const labels = { provider: offer.provider.slug, model: offer.upstreamModel };
    attempts.inc({ ...labels, credential: credential?.name ?? "", verdict });
    if (verdict !== "ok" || !figures) return;
    tokens.inc(labels, figures.outputTokens);
    latency.observe(labels, figures.latencyMs / 1000);
    if (figures.firstTokenMs !== null) firstToken.observe(labels, figures.firstTokenMs / 1000);
  };

  const readCredentials = onceASecond(() =>
    sql.query<CredentialRow>(CREDENTIALS).then(
      ({ rows }) => rows,
      // a scrape without the database still tells what this process knows
      (): CredentialRow[] => [],
    ),
  );
  const gauge = (name: string, help: string, label: "state" | "unit" | null, read: Reading) =>
    new Gauge({
      ...{ name, help, aggregator: "max" as const },
      labelNames: ["provider", "credential", ...(label ? [label] : [])],
      async collect() {
        const rows = await readCredentials();
        this.reset();
        for (const row of rows) {
          const { provider, credential } = row;
          const value = read(row);
          if (value !== null) this.set({ provider, credential, ...(label && { [label]: row[label] ?? "" }) }, value);
        }
      },
    });
  gauge(
    "hub_credential_state",
    "1 for the state a credential is in: active, resting, disabled, verifying, needs_secret, off",
    "state",
    () => 1,
  );
  gauge("hub_credential_balance", "What the provider says is left of the account, where it tells", "unit", (row) =>
    row.balance === null ? null : Number(row.balance),
  );
  gauge("hub_check_ok", "1: the last check of the credential passed", null, ({ ok }) =>
    ok === null ? null : Number(ok),
  );
  gauge("hub_check_timestamp_seconds", "When the credential was checked last", null, (row) => row.checkedAt);
}

type Reading = (row: CredentialRow) => number | null;

/** All gauges of a scrape share one reading. */
function onceASecond<Result>(read: () => Promise<Result>): () => Promise<Result> {
  let last: { at: number; result: Promise<Result> } | null = null;
  return () => {
    const at = performance.now();
    if (!last || at - last.at > 1_000) last = { at, result: read() };
    return last.result;
  };
}

const CREDENTIALS = `
  SELECT provider.slug AS provider, credential.name AS credential,
    CASE WHEN NOT credential.enabled THEN 'off' WHEN credential.status = 'active' AND breaker.target IS NOT NULL THEN 'resting'
      ELSE credential.status END AS state,
    health.balance, health.balance_unit AS unit, probe.ok, extract(epoch FROM probe.finished_at)::float8 AS "checkedAt"
  FROM credential JOIN provider ON provider.id = credential.provider_id
  LEFT JOIN credential_health health ON health.credential_id = credential.id
  LEFT JOIN breaker ON breaker.target = credential.id AND breaker.openings = 0 AND breaker.until > clock_timestamp()
  LEFT JOIN LATERAL (
    SELECT ok, finished_at FROM provider_probe WHERE credential_id = credential.id AND state = 'done' ORDER BY created_at DESC LIMIT 1
  ) probe ON true`;
