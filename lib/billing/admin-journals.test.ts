import { afterAll, beforeAll, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { assertHealthy } from "@/e2e/support/database";
import { checkBooks, readBooks } from "@/lib/billing/admin-books";
import { listJournals } from "@/lib/billing/admin-journals";
import { checkLedger } from "@/lib/billing/ledger-check";
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

test("the badge shows the last check with its age, a check on demand makes a new one, and support sees neither", async () => {
  const first = await readBooks(staff());
  expect(first).toMatchObject({ violations: 0, rows: [] });
  expect(await readBooks(staff())).toEqual(first);
  const second = await checkBooks(staff());
  expect(Date.parse(second.checkedAt)).toBeGreaterThanOrEqual(Date.parse(first.checkedAt));
  expect(await readBooks(staff())).toEqual(second);
  // the worker rests for twenty times as long as its last check took
  const { pool } = hub.database;
  await pool.query("UPDATE ledger_check SET at = clock_timestamp() - interval '1 hour'");
  expect(await checkLedger(pool)).toEqual({ violations: 0 });
  await pool.query("UPDATE ledger_check SET duration_ms = 60000");
  expect(await checkLedger(pool)).toBeUndefined();
  // while something is wrong, the last time all was well is kept
  await pool.query("UPDATE ledger_check SET at = clock_timestamp() - interval '8 days'");
  const clean = "SELECT max(id) FROM ledger_check WHERE violations = 0";
  const before = await pool.query(clean);
  await pool.query("UPDATE wallet SET held = held + 1");
  expect((await checkLedger(pool))?.violations).toBeGreaterThan(0);
  await pool.query("UPDATE wallet SET held = held - 1");
  expect((await pool.query(clean)).rows).toEqual(before.rows);
  await expect(readBooks(staff(STAFF_ROLES.support))).rejects.toMatchObject({ code: "forbidden" });
  await expect(checkBooks(staff(STAFF_ROLES.support))).rejects.toMatchObject({ code: "forbidden" });
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
