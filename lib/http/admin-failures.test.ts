import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import { asAdminError } from "@/lib/http/admin-failures";

let hub: AdminHub;
beforeAll(async () => {
  hub = await startAdminHub();
});
afterAll(() => hub.close());

test("what is not ours says nothing of itself", () => {
  for (const thrown of [new Error("secret at db.internal"), "text", null, { code: "P9999" }]) {
    expect(asAdminError(thrown)).toMatchObject({ code: "internal_error", message: "The hub had an internal error." });
  }
});

test("a database that does not answer is 503 with a hint to try again, in the error shape", async () => {
  vi.resetModules();
  vi.stubEnv("HUB_DATABASE_URL_WEB", "postgresql://nobody:x@127.0.0.1:1/none");
  const { GET } = await import("@/app/api/admin/v1/orgs/route");
  const answer = await GET(
    new Request("http://hub.test/api/admin/v1/orgs", { headers: { authorization: `Bearer ${hub.managementKey}` } }),
  );
  expect(answer.status).toBe(503);
  expect(answer.headers.get("retry-after")).toBe("1");
  expect(await answer.json()).toMatchObject({ error: { type: "server_error", code: "unavailable", param: null } });
});
