import { expect, it } from "vitest";
import { createWallet } from "@/lib/billing/wallet";
import type { Sql } from "@/lib/pg";

/** A database that refuses connections twice and then answers; `asked` holds the first parameter of each statement. */
function flakyDatabase() {
  const asked: unknown[] = [];
  const query = async (_text: string, values: unknown[]) => {
    asked.push(values[0]);
    if (asked.length < 3) throw new Error("connection refused");
    return { rows: [] };
  };
  // safe because these verbs send this one form of query
  return { asked, wallet: createWallet({ sql: { query } as unknown as Sql, node: "n", epoch: "1", named: false }) };
}

it("gives a hold back once the database answers again, and does not reject meanwhile", async () => {
  const { asked, wallet } = flakyDatabase();
  await Promise.all([wallet.voidHold("req_1", "org_1"), wallet.voidHold("req_2", "org_1")]);
  expect(asked).toEqual(Array(3).fill(["req_1", "req_2"]));
});

it("posts what a swept call really cost once the database answers again", async () => {
  const { asked, wallet } = flakyDatabase();
  await wallet.lateAdjust('{"id":"req_1"}');
  expect(asked).toEqual(Array(3).fill('[{"id":"req_1"}]'));
});
