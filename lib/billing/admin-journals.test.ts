import { afterAll, beforeAll, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { assertHealthy } from "@/e2e/support/database";
import { checkBooks } from "@/lib/billing/admin-books";
import { listJournals } from "@/lib/billing/admin-journals";
import { listPriceHistory, pricesSince } from "@/lib/catalog/admin-price-history";
import { parseUsd } from "@/lib/money";
import { PLATFORM_PERMISSIONS, type PlatformPermission, STAFF_ROLES } from "@/lib/orgs/permissions";
import type { StaffScope } from "@/lib/orgs/scope";

let hub: AdminHub;
beforeAll(async () => {
  hub = await startAdminHub();
});
afterAll(async () => {
  await assertHealthy(hub.database.pool);
  await hub.close();
});

function staff(permissions: readonly PlatformPermission[] = PLATFORM_PERMISSIONS): StaffScope {
  return { actor: { type: "staff", id: "usr_test" }, permissions: new Set(permissions) } as unknown as StaffScope;
}

test("journals come newest first, page by page, with entries that sum to zero", async () => {
  const { body: org } = await hub.call("POST", "/orgs", { name: "J" });
  for (const amountUsd of [1, 2, 3])
    await hub.call("POST", `/orgs/${org.id}/credits`, { amountUsd, kind: "comp", reason: `gift ${amountUsd}` });
  const first = await listJournals(staff(), { orgId: org.id, limit: 2 });
  expect(first.data.map(({ reason }) => reason)).toEqual(["gift 3", "gift 2"]);
  const second = await listJournals(staff(), { orgId: org.id, limit: 2, cursor: String(first.nextCursor) });
  expect(second.data.map(({ reason }) => reason)).toEqual(["gift 1"]);
  expect(second.nextCursor).toBeNull();
  for (const { entries } of [...first.data, ...second.data])
    expect(entries.reduce((sum, { amountUsd }) => sum + parseUsd(amountUsd), 0n)).toBe(0n);
});

test("the badge's answer is kept for a minute, and only for whoever may read the ledger", async () => {
  const now = Date.now() + 10 * 60_000;
  const books = await checkBooks(staff(), now);
  expect(books).toEqual({ violations: 0, checkedAt: new Date(now).toISOString() });
  expect(await checkBooks(staff(), now + 59_000)).toBe(books);
  expect(await checkBooks(staff(), now + 60_000)).not.toBe(books);
  await expect(checkBooks(staff(STAFF_ROLES.support), now)).rejects.toMatchObject({ code: "forbidden" });
  await expect(listJournals(staff(STAFF_ROLES.support), { limit: 1 })).rejects.toMatchObject({ code: "forbidden" });
});

test("a price's history says from when to when each version held", async () => {
  await hub.call("POST", "/providers", { slug: "p-history", kind: "sandbox" });
  const offers = [{ provider: "p-history", upstreamModel: "chat", cost: { input: "1" } }];
  for (const marginPercent of [20, 50]) await hub.call("PUT", "/models/h/m", { type: "chat", offers, marginPercent });
  const rows = await listPriceHistory(staff(), "h/m");
  const prices = rows.filter(({ subject }) => subject === "price");
  expect(prices.map(({ rates }) => rates.input)).toEqual(["1.5", "1.2"]);
  expect(prices.map(({ to }) => to)).toEqual([null, prices[0]?.from]);
  expect(rows.filter(({ subject }) => subject === "cost")).toMatchObject([{ offer: "p-history · chat", to: null }]);
  expect((await pricesSince(staff(), ["h/m"])).get("h/m")).toBe(prices[0]?.from);
  await expect(listPriceHistory(staff(["orgs.read"]), "h/m")).rejects.toMatchObject({ code: "forbidden" });
});
