import { toCsv } from "@/lib/csv";
import type { Scope } from "@/lib/orgs/scope";
import { listOrgRequests, type OrgRequestQuery } from "@/lib/usage/queries";
import { activityRange, type Parameters, requestFilters } from "@/lib/usage/request-filters";
import type { OrgRequest } from "@/lib/usage/schema";

const PAGE_ROWS = 1_000;

const COLUMNS = [
  ...([
    "id",
    "startedAt",
    "settledAt",
    "appId",
    "keyId",
    "memberId",
    "model",
    "provider",
    "endpoint",
    "stream",
  ] as const),
  ...([
    "outcome",
    "httpStatus",
    "refusedBy",
    "inputTokens",
    "cacheReadTokens",
    "cacheWriteTokens",
    "outputTokens",
  ] as const),
  ...(["reasoningTokens", "usageSource", "priceUsd", "latencyMs", "firstTokenMs", "client"] as const),
] as const;

/** The filtered requests as a file, `?format=csv` or `ndjson`: read page by page as the browser takes it, so that its size is
 *  no matter. It ends at the moment it was asked for: what settles meanwhile is not in it. Throws forbidden. */
export async function exportRequests(
  scope: Scope & { org: { timeZone: string } },
  request: Request,
): Promise<Response> {
  const parameters: Parameters = Object.fromEntries(new URL(request.url).searchParams);
  const isCsv = parameters.format !== "ndjson";
  const now = new Date();
  const { from, to = now } = activityRange(parameters, now, scope.org.timeZone);
  const pages = pagesOf(scope, { ...requestFilters(parameters), from, to });
  // the first page decides between a file and a refusal
  const first = await pages.next();
  const write = isCsv ? (rows: OrgRequest[]) => toCsv(rows.map(cells)) : ndjson;
  const encoder = new TextEncoder();
  let rows: OrgRequest[] | undefined = first.done ? undefined : first.value;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (isCsv) controller.enqueue(encoder.encode(toCsv([COLUMNS])));
    },
    async pull(controller) {
      if (!rows) return controller.close();
      controller.enqueue(encoder.encode(write(rows)));
      const next = await pages.next();
      rows = next.done ? undefined : next.value;
      if (!rows) controller.close();
    },
    async cancel() {
      await pages.return(undefined);
    },
  });
  return new Response(body, {
    headers: {
      "content-type": isCsv ? "text/csv; charset=utf-8" : "application/x-ndjson; charset=utf-8",
      "content-disposition": `attachment; filename="requests-${now.toISOString().slice(0, 10)}.${isCsv ? "csv" : "ndjson"}"`,
      "cache-control": "no-store",
    },
  });
}

async function* pagesOf(scope: Scope, query: Omit<OrgRequestQuery, "limit" | "cursor">): AsyncGenerator<OrgRequest[]> {
  let cursor: string | null | undefined;
  do {
    const page = await listOrgRequests(scope, { ...query, limit: PAGE_ROWS, ...(cursor && { cursor }) });
    if (page.data.length > 0) yield page.data;
    cursor = page.nextCursor;
  } while (cursor);
}

function cells(row: OrgRequest): (string | number)[] {
  return COLUMNS.map((column) => {
    const value = row[column];
    return typeof value === "boolean" ? String(value) : (value ?? "");
  });
}

function ndjson(rows: OrgRequest[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}
