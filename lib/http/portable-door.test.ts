import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { makeKey, makeOrg, type OrgRow } from "@/e2e/support/fixtures";
import { portableRoute } from "@/lib/http/portable-door";
import { generateSecretsKeyPair } from "@/lib/secrets";

const PEPPER = "portable-pepper-0123456789abcdef0123456789abcdef";
let database: TestDatabase;
let secrets: { keyPepper: string; secretsPublicKey: string };
let org: OrgRow;

beforeAll(async () => {
  database = await testDatabase();
  const { secretKey, publicKey } = await generateSecretsKeyPair();
  secrets = { keyPepper: PEPPER, secretsPublicKey: publicKey };
  org = await makeOrg(database.pool, { creditUsd: "1" });
  vi.stubEnv("HUB_KEY_PEPPER", PEPPER);
  vi.stubEnv("HUB_SECRETS_KEY", secretKey);
  vi.stubEnv("HUB_DATABASE_URL_GATEWAY", database.roleUrl("gateway"));
  vi.stubEnv("HUB_TRUSTED_PROXIES", "10.0.0.0/8");
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await database.drop();
});

it("knows nobody's address: a key bound to one is refused whatever the headers say", async () => {
  const bound = await makeKey(database.pool, secrets, org, { allowedIps: ["203.0.113.0/24"] });
  const free = await makeKey(database.pool, secrets, org);
  const models = (key: string) =>
    portableRoute()(
      new Request("http://portable.test/api/v1/models", {
        headers: { authorization: `Bearer ${key}`, "x-forwarded-for": "203.0.113.7" },
      }),
    );
  const refused = await models(bound.key);
  expect(refused.status).toBe(403);
  expect((await refused.json()).error).toMatchObject({
    code: "ip_not_allowed",
    message: "This API key may not be used from an unknown address.",
  });
  expect((await models(free.key)).status).toBe(200);
});
