import { db } from "@/lib/db";
import type { UsageEvent } from "@/prisma/generated/client";

/** Late adjustments by request id. Only calls that the sweeper closed can have one, so few pages ask at all. */
export async function adjustmentsOf(events: UsageEvent[]): Promise<Map<string, UsageEvent[]>> {
  const swept = events.filter(({ outcome }) => outcome === "crashed");
  if (swept.length === 0) return new Map();
  const rows = await db().usageEvent.findMany({
    where: { id: { in: swept.map(({ id }) => `adj_${id}`) }, kind: "adjust" },
  });
  return Map.groupBy(rows, ({ parentId }) => parentId ?? "");
}
