import { expect, it } from "vitest";
import { createWallet } from "@/lib/billing/wallet";
import type { Sql } from "@/lib/pg";

it("gives a hold back once the database answers again, and does not reject meanwhile", async () => {
  const asked: unknown[] = [];
  const query = async (_text: string, values: unknown[]) => {
    asked.push(values[0]);
    if (asked.length < 3) throw new Error("connection refused");
    return { rows: [] };
  };
  // safe because voiding sends this one form of query
  const sql = { query } as unknown as Sql;
  const wallet = createWallet({ sql, node: "n", epoch: "1", named: false });

  await Promise.all([wallet.voidHold("req_1", "org_1"), wallet.voidHold("req_2", "org_1")]);
  expect(asked).toEqual([
    ["req_1", "req_2"],
    ["req_1", "req_2"],
    ["req_1", "req_2"],
  ]);
});
