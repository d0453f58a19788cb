import { expect, test } from "vitest";
import { createWatch } from "@/lib/gateway/meter/watch";
import type { GatewayStatistics } from "@/lib/gateway/runtime";

const quiet = { running: 1, oldestCallMs: 0, unsettled: 0, oldestUnsettledMs: 0, refused: 0 };

test("a hold or a settlement that waits too long is raised once, and again after it was right", () => {
  const raised: string[] = [];
  const watch = createWatch(({ message }) => raised.push(message));
  // safe because statements play no part
  const look = (figures: Partial<GatewayStatistics>) => watch({ ...quiet, ...figures } as GatewayStatistics);
  look({ oldestCallMs: 20 * 60_000, oldestUnsettledMs: 60_000 });
  expect(raised).toEqual([]);
  look({ unsettled: 3, oldestUnsettledMs: 60_001 });
  look({ unsettled: 4, oldestUnsettledMs: 65_000 });
  expect(raised).toEqual([expect.stringContaining("3 settlements wait")]);
  look({});
  look({ unsettled: 1, oldestUnsettledMs: 70_000, oldestCallMs: 20 * 60_000 + 1 });
  expect(raised).toHaveLength(3);
});
