import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { assertHealthy } from "@/e2e/support/database";
import { newId } from "@/lib/ids";
import { formatUsd, parseUsd } from "@/lib/money";
import { PLATFORM_PERMISSIONS, type PlatformPermission, STAFF_ROLES } from "@/lib/orgs/permissions";
import type { StaffScope } from "@/lib/orgs/scope";
import { listCustomers } from "@/lib/usage/admin-customers";
import { listMargins, readPosition, sumMargins } from "@/lib/usage/admin-margins";
import { daysOf, parseRange } from "@/lib/usage/admin-range";

const NODE = "margins-node";
const RANGE = parseRange("7d");
let hub: AdminHub;
let epoch: string;

beforeAll(async () => {
  hub = await startAdminHub();
  epoch = (await hub.database.pool.query("SELECT node_boot($1) AS epoch", [NODE])).rows[0].epoch;
});
afterAll(async () => {
  await assertHealthy(hub.database.pool);
  await hub.close();
});

/** As requireStaff makes one, for these permissions. */
function staff(permissions: readonly PlatformPermission[] = PLATFORM_PERMISSIONS): StaffScope {
  return { actor: { type: "staff", id: "usr_test" }, permissions: new Set(permissions) } as unknown as StaffScope;
}

type Credit = { source: "paid" | "promo"; usd: string };

async function customer(...credits: Credit[]) {
  const { body: org } = await hub.call("POST", "/orgs", { name: `Org ${randomBytes(4).toString("hex")}` });
  for (const { source, usd } of credits)
    await hub.database.pool.query("SELECT grant_credit($1, $2, $3, $4, 'test', 'test', NULL, false)", [
      org.id,
      parseUsd(usd).toString(),
      source,
      newId("credit"),
    ]);
  const { body: key } = await hub.call("POST", `/orgs/${org.id}/keys`, { name: "k", dailyCapUsd: null });
  return { org: org.id as string, name: org.name as string, key: key.id as string, app: key.appId as string };
}

type Call = { price: bigint; cost: bigint; waste?: bigint; model?: string; provider?: string };

/** One call through the functions that the gateway uses. */
async function settle(own: Awaited<ReturnType<typeof customer>>, call: Call): Promise<void> {
  const { price, cost, waste = 0n, model = "m/a", provider = "p1" } = call;
  const { org, key, app } = own;
  const id = newId("req");
  const ctx = { endpoint: "chat.completions", dialect: "openai-chat", stream: true };
  const hold = {
    id,
    org,
    key,
    app,
    model,
    input_hash: "h",
    amount: price.toString(),
    min_amount: "0",
    unit_rate: "0",
    restricted_ok: true,
    tokens_estimate: 1,
    price_version: null,
    member: null,
    ctx,
  };
  const { rows } = await hub.database.pool.query(
    "SELECT * FROM authorize_batch($1::jsonb, $2, $3, interval '2 minutes')",
    [JSON.stringify([hold]), NODE, epoch],
  );
  expect(rows[0]).toMatchObject({ granted: true });
  const done = {
    id,
    org,
    outcome: "ok",
    http_status: 200,
    price: price.toString(),
    cost: cost.toString(),
    waste: waste.toString(),
    usage: { input: 10, output: 4 },
    usage_source: "reported",
    provider,
    upstream_model: "up",
    credential: null,
    route: "relay",
    attempts: [],
  };
  await hub.database.pool.query("SELECT * FROM settle_batch($1::jsonb, $2, $3)", [JSON.stringify([done]), NODE, epoch]);
}

async function journalSum(account: string): Promise<string> {
  const { rows } = await hub.database.pool.query(
    `SELECT coalesce(sum(e.amount), 0)::text AS sum FROM journal j JOIN entry e ON e.journal_id = j.id
     WHERE e.account_id = $1 AND j.kind IN ('usage', 'late') AND j.at >= $2 AND j.at < $3`,
    [account, RANGE.from, RANGE.to],
  );
  return formatUsd(BigInt(rows[0].sum));
}

describe("margins", () => {
  test("equal the ledger: revenue and promotion are what the journals and lots say, in every grouping", async () => {
    const payer = await customer({ source: "paid", usd: "10" });
    const guest = await customer({ source: "promo", usd: "1" }, { source: "paid", usd: "10" });
    await settle(payer, { price: 3_000_000_000n, cost: 1_000_000_000n, waste: 250_000_000n });
    await settle(guest, { price: 400_000_000n, cost: 100_000_000n, model: "m/b", provider: "p2" });
    await settle(guest, { price: 1_000_000_001n, cost: 500_000_000n, model: "m/b", provider: "p2" });

    const total = await sumMargins(staff(), RANGE);
    const { rows } = await hub.database.pool.query(
      `SELECT sum(d.amount) FILTER (WHERE c.source = 'paid')::text AS paid, sum(d.amount) FILTER (WHERE c.source <> 'paid')::text AS promo
       FROM lot_draw d JOIN credit_lot c ON c.id = d.lot_id JOIN journal j ON j.id = d.journal_id WHERE j.kind = 'usage'`,
    );
    expect(total).toMatchObject({
      calls: 3,
      revenueUsd: formatUsd(BigInt(rows[0].paid)),
      promoUsd: formatUsd(BigInt(rows[0].promo)),
      costUsd: "1.85",
      wasteUsd: "0.25",
    });
    expect(formatUsd(parseUsd(total.revenueUsd) + parseUsd(total.promoUsd))).toBe(await journalSum("revenue"));

    for (const by of ["day", "model", "provider", "org"] as const) {
      const groups = await listMargins(staff(), RANGE, by);
      for (const field of ["revenueUsd", "costUsd", "marginUsd", "promoUsd", "promoCostUsd"] as const) {
        const sum = groups.reduce((nano, row) => nano + parseUsd(row[field]), 0n);
        expect(formatUsd(sum), `${field} by ${by}`).toBe(total[field]);
      }
    }
    const byOrg = await listMargins(staff(), RANGE, "org");
    expect(byOrg.map(({ name }) => name)).toEqual([payer.name, guest.name]);
    expect(byOrg[0]).toMatchObject({ revenueUsd: "3", costUsd: "1.25", marginUsd: "1.75", marginPercent: "58.3" });
    expect(await sumMargins(staff(), RANGE, payer.org)).toMatchObject({ revenueUsd: "3", calls: 1 });
  });

  test("cash is what was paid in, liability what is unspent of it; promotion stands beside", async () => {
    const before = await readPosition(staff(), RANGE, "service");
    const own = await customer({ source: "paid", usd: "7" }, { source: "promo", usd: "2" });
    await settle(own, { price: 2_500_000_000n, cost: 1n });
    const after = await readPosition(staff(), RANGE, "service");
    const rise = (name: "liabilityUsd" | "unspentPromoUsd") =>
      formatUsd(parseUsd(after[name]) - parseUsd(before[name]));
    expect(formatUsd(parseUsd(after.cashInUsd ?? "") - parseUsd(before.cashInUsd ?? ""))).toBe("7");
    expect(rise("liabilityUsd")).toBe("6.5");
    expect(rise("unspentPromoUsd")).toBe("0");
    expect((await readPosition(staff(), RANGE, "enterprise")).cashInUsd).toBeNull();
  });

  test("a range without usage has sums of zero and a gap for the share", async () => {
    const long = { from: new Date("2020-01-01"), to: new Date("2020-01-02") };
    expect(await sumMargins(staff(), long)).toMatchObject({ calls: 0, revenueUsd: "0", marginPercent: null });
  });

  test("a customer's balance and revenue are in the list, found by name", async () => {
    const own = await customer({ source: "paid", usd: "5" });
    await settle(own, { price: 1_000_000_000n, cost: 1n });
    const [row, ...others] = await listCustomers(staff(), own.name);
    expect(row).toMatchObject({ id: own.org, status: "active", balanceUsd: "4", heldUsd: "0", revenueUsd: "1" });
    expect(others).toEqual([]);
    expect(await listCustomers(staff(), "100%_nobody")).toEqual([]);
  });

  test("whoever lacks the permission gets nothing", async () => {
    const none = staff(PLATFORM_PERMISSIONS.filter((name) => name !== "usage.read" && name !== "orgs.read"));
    await expect(sumMargins(none, RANGE)).rejects.toMatchObject({ code: "forbidden" });
    await expect(listMargins(none, RANGE, "org")).rejects.toMatchObject({ code: "forbidden" });
    await expect(readPosition(none, RANGE, "service")).rejects.toMatchObject({ code: "forbidden" });
    await expect(listCustomers(none)).rejects.toMatchObject({ code: "forbidden" });
    await expect(sumMargins(staff(STAFF_ROLES.finance), RANGE)).resolves.toBeDefined();
  });
});

test("ranges are whole UTC days up to today", () => {
  const now = Date.parse("2026-03-15T10:30:00Z");
  expect(daysOf(parseRange("today", now))).toEqual(["2026-03-15"]);
  expect(daysOf(parseRange("7d", now))).toHaveLength(7);
  expect(daysOf(parseRange("month", now)).at(0)).toBe("2026-03-01");
  expect(parseRange(["7d", "x"], now).name).toBe("30d");
});
