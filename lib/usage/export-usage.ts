import { toCsv } from "@/lib/csv";
import type { Scope } from "@/lib/orgs/scope";
import { orgLatencies, sumOrgUsage } from "@/lib/usage/queries";
import { activityRange, type Parameters, USAGE_GROUPS } from "@/lib/usage/request-filters";

const HEAD = [
  ...["calls", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"],
  ...["price_usd", "p50_ms", "p95_ms", "first_token_p50_ms"],
];

/** The sums of a range by one dimension as CSV, amounts exact. Throws forbidden. */
export async function exportUsage(scope: Scope & { org: { timeZone: string } }, request: Request): Promise<Response> {
  const parameters: Parameters = Object.fromEntries(new URL(request.url).searchParams);
  const group = USAGE_GROUPS.find((one) => one === parameters.group) ?? "model";
  const { from, to, timeZone } = activityRange(parameters, new Date(), scope.org.timeZone);
  const { app } = parameters;
  const query = {
    from,
    ...(to && { to }),
    ...(typeof app === "string" && { appId: app }),
    groupBy: [group],
    timeZone,
    limit: 10_000,
  };
  const [sums, latencies] = await Promise.all([sumOrgUsage(scope, query), orgLatencies(scope, query)]);
  const latencyOf = new Map(latencies.map((latency) => [latency.key, latency]));
  const rows = sums.map((sum) => {
    const key = sum.key === null ? "" : String(sum.key);
    const latency = latencyOf.get(key);
    return [
      key,
      ...[sum.calls, sum.inputTokens, sum.cacheReadTokens, sum.cacheWriteTokens, sum.outputTokens, sum.reasoningTokens],
      ...[sum.priceUsd, latency?.p50Ms ?? "", latency?.p95Ms ?? "", latency?.firstTokenP50Ms ?? ""],
    ];
  });
  return new Response(toCsv([[group, ...HEAD], ...rows]), {
    headers: {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": `attachment; filename="usage-by-${group}.csv"`,
      "cache-control": "no-store",
    },
  });
}
