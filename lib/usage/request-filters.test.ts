import { expect, test } from "vitest";
import { activityRange, isFiltered, requestFilters } from "@/lib/usage/request-filters";

test.each<[Record<string, string>, object]>([
  [{}, {}],
  [{ outcome: "failed" }, { failed: true }],
  [{ outcome: "stopped" }, { outcome: "client_gone" }],
  [{ outcome: "slow" }, { slowerThanMs: 30_000 }],
  [{ outcome: "nonsense" }, {}],
  [
    { key: "key_1", app: "app_1", model: "a/b", member: "mem_1", endpoint: "chat" },
    { keyId: "key_1", appId: "app_1", model: "a/b", memberId: "mem_1", endpoint: "chat" },
  ],
  [{ stream: "no" }, { stream: false }],
  [{ min: "0.5", max: "ten" }, { minPriceNano: 500_000_000n }],
  [{ search: "  req_1 " }, { search: "req_1" }],
])("address %#", (parameters, filters) => {
  expect(requestFilters(parameters)).toEqual(filters);
  expect(isFiltered({ ...parameters, range: "30d", cursor: "x" })).toBe(Object.keys(filters).length > 0);
});

test("an unknown range or zone is seven days of the organisation", () => {
  const now = new Date("2026-03-10T12:00:00Z");
  expect(activityRange({ range: "ever", zone: "Mars/Base" }, now, "Asia/Tokyo")).toMatchObject({
    id: "7d",
    timeZone: "Asia/Tokyo",
    from: new Date("2026-03-03T15:00:00Z"),
  });
  expect(activityRange({ range: "today", zone: "UTC" }, now, "Asia/Tokyo").from).toEqual(
    new Date("2026-03-10T00:00:00Z"),
  );
});
