import { operatorApi } from "@/e2e/support/operator-api";
import type { HubUnderTest } from "@/e2e/support/setup";
import { withSql } from "@/e2e/support/sql";
import { newId } from "@/lib/ids";

/** An organisation with purchased credit and a key. */
export async function makeCustomer(
  hub: Pick<HubUnderTest, "url" | "dataDir" | "managementKey">,
  paidUsd: string,
): Promise<{ orgId: string; slug: string; key: string }> {
  const post = <Answer>(path: string, body: object) => operatorApi<Answer>(hub, path, { method: "POST", body });
  const { id: orgId, slug } = await post<{ id: string; slug: string }>("/orgs", {
    name: `Customer ${newId("x").slice(-6)}`,
  });
  await withSql(hub, (sql) =>
    sql.query("SELECT grant_credit($1, $2, 'paid', $3, 'test', 'test', NULL, false)", [
      orgId,
      `${paidUsd}000000000`,
      newId("credit"),
    ]),
  );
  return { orgId, slug, key: (await post<{ key: string }>(`/orgs/${orgId}/keys`, { name: "app" })).key };
}
