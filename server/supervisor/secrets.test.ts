import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EnvError, parseEnv } from "@/lib/env";
import { generateSecretsKeyPair, openSecret, sealSecret } from "@/lib/secrets";
import { ensureSecrets } from "@/server/supervisor/secrets";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "secrets-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const ensure = (source: Record<string, string> = {}) => ensureSecrets(parseEnv({ HUB_DATA_DIR: dataDir, ...source }));
const given = async () => {
  const pair = await generateSecretsKeyPair();
  return {
    HUB_SECRETS_KEY: pair.secretKey,
    HUB_SECRETS_PUBLIC_KEY: pair.publicKey,
    HUB_KEY_PEPPER: "p".repeat(40),
    AUTH_SECRET: "a".repeat(40),
  };
};

describe("outside production", () => {
  test("the first run makes them, readable by the owner alone, and later runs find the same", async () => {
    const first = await ensure();
    const files = readdirSync(join(dataDir, "secrets"));
    expect(files.toSorted()).toEqual(["AUTH_SECRET", "HUB_KEY_PEPPER", "HUB_SECRETS_KEY", "HUB_SECRETS_PUBLIC_KEY"]);
    for (const file of files) expect(statSync(join(dataDir, "secrets", file)).mode & 0o777).toBe(0o600);
    expect(statSync(join(dataDir, "secrets")).mode & 0o777).toBe(0o700);
    expect(await ensure()).toEqual(first);
  });

  test("the two halves belong together", async () => {
    const { HUB_SECRETS_KEY, HUB_SECRETS_PUBLIC_KEY } = await ensure();
    const binding = { table: "credential", row: "cred_1", org: "platform", column: "sealed", origin: "https://x.test" };
    const record = await sealSecret(HUB_SECRETS_PUBLIC_KEY, "sk-1", binding);
    expect(await openSecret(HUB_SECRETS_KEY, record, binding)).toBe("sk-1");
  });

  test("the ones given are used and not written down", async () => {
    const secrets = await given();
    expect(await ensure(secrets)).toEqual(secrets);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test("a public half that was lost follows from the private one", async () => {
    const first = await ensure();
    rmSync(join(dataDir, "secrets/HUB_SECRETS_PUBLIC_KEY"));
    expect(await ensure()).toEqual(first);
  });

  test("halves of two pairs are refused", async () => {
    const [one, other] = [await given(), await given()];
    const mixed = { ...one, HUB_SECRETS_PUBLIC_KEY: other.HUB_SECRETS_PUBLIC_KEY };
    await expect(ensure(mixed)).rejects.toThrow("HUB_SECRETS_PUBLIC_KEY does not belong to HUB_SECRETS_KEY");
  });
});

describe("in production", () => {
  test("the missing ones are named in one sentence, and none is made", async () => {
    await ensure(); // of an earlier trial: not taken over silently
    const refusal = ensure({ HUB_PRODUCTION: "true", AUTH_SECRET: "a".repeat(40) });
    await expect(refusal).rejects.toThrow(EnvError);
    await expect(refusal).rejects.toThrow(
      "In production HUB_SECRETS_KEY, HUB_SECRETS_PUBLIC_KEY and HUB_KEY_PEPPER must be given",
    );
  });

  test("all given is enough", async () => {
    const secrets = await given();
    expect(await ensure({ HUB_PRODUCTION: "true", ...secrets })).toEqual(secrets);
    expect(readdirSync(dataDir)).toEqual([]);
  });
});

test("a pepper survives being read back byte for byte", async () => {
  const { HUB_KEY_PEPPER } = await ensure();
  expect(readFileSync(join(dataDir, "secrets/HUB_KEY_PEPPER"), "utf8")).toBe(`${HUB_KEY_PEPPER}\n`);
});
