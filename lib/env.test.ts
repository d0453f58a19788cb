import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { databaseUrlFor, EnvError, parseEnv, variables } from "@/lib/env";

const directory = mkdtempSync(join(tmpdir(), "env-"));
afterAll(() => rmSync(directory, { recursive: true }));

const parse = (source: Record<string, string>) => parseEnv({ HUB_DATA_DIR: directory, ...source });
const refusal = (source: Record<string, string>) => {
  try {
    parse(source);
  } catch (error) {
    if (error instanceof EnvError) return error.message;
    throw error;
  }
  return "accepted";
};

describe("defaults", () => {
  test("an empty environment is a working first run", () => {
    const settings = parseEnv({});
    expect(settings.port).toBe(3000);
    expect(settings.dataDir).toBe(join(process.cwd(), ".data"));
    expect(settings.production).toBe(false);
    expect(settings.trustedProxies).toEqual([]);
    expect(settings.pgNamedStatements).toBe(true);
    expect(settings.gatewayWorkers).toBeGreaterThanOrEqual(1);
    expect(settings.gatewayNode).toMatch(/:3000$/);
  });

  test("an empty value means not set", () => {
    expect(parse({ PORT: "", SMTP_URL: " " }).port).toBe(3000);
  });

  test("a database and a public address make it production, unless told otherwise", () => {
    const deployed = { DATABASE_URL: "postgres://hub@db/hub", HUB_PUBLIC_URL: "https://hub.example.com" };
    expect(parse(deployed).production).toBe(true);
    expect(parse({ ...deployed, HUB_PRODUCTION: "false" }).production).toBe(false);
    expect(parse({ HUB_PRODUCTION: "yes" }).production).toBe(true);
    expect(parse({ DATABASE_URL: "postgres://hub@db/hub" }).production).toBe(false);
  });
});

describe("a wrong value is one sentence that names the variable and the mend", () => {
  test.each([
    [{ PORT: "http" }, 'PORT is "http" but must be a whole number from 1 to 65535.'],
    [{ PORT: "70000" }, 'PORT is "70000" but must be a whole number from 1 to 65535.'],
    [
      { HUB_PUBLIC_URL: "hub.example.com" },
      'HUB_PUBLIC_URL is "hub.example.com" but must be an address without a path, such as https://hub.example.com.',
    ],
    [{ HUB_PRODUCTION: "maybe" }, 'HUB_PRODUCTION is "maybe" but must be true or false.'],
    [
      { HUB_TRUSTED_PROXIES: "10.0.0.0/8,everyone" },
      'HUB_TRUSTED_PROXIES is "10.0.0.0/8,everyone" but must be addresses or CIDRs separated by commas, such as 10.0.0.0/8,::1.',
    ],
    [{ LOG_LEVEL: "loud" }, 'LOG_LEVEL is "loud" but must be one of trace, debug, info, warn, error, fatal, silent.'],
    [{ SMTP_URL: "mail.example.com" }, "SMTP_URL must be a URL that starts with smtp:// or smtps://."],
    [{ AUTH_GITHUB_ID: "a" }, "AUTH_GITHUB_ID needs AUTH_GITHUB_SECRET: set all of them or none."],
    [
      { STRIPE_SECRET_KEY: "sk_test_12345678", STRIPE_WEBHOOK_SECRET: "" },
      "STRIPE_SECRET_KEY needs STRIPE_WEBHOOK_SECRET: set all of them or none.",
    ],
    [
      { STRIPE_SECRET_KEY: "sk_test_12345678", STRIPE_WEBHOOK_SECRET: "0123456789abcdef0123" },
      "STRIPE_WEBHOOK_SECRET must be the signing secret of the webhook endpoint, which starts with whsec_ (two, with a comma, while they are exchanged).",
    ],
    [
      { STRIPE_SECRET_KEY: "sk_test_12345678" },
      "STRIPE_SECRET_KEY needs STRIPE_WEBHOOK_SECRET: set all of them or none.",
    ],
    [{ HUB_BOOTSTRAP_MANAGEMENT_KEY: "aigne_mk_short" }, /^HUB_BOOTSTRAP_MANAGEMENT_KEY must be aigne_mk_ followed/],
    [{ AUTH_SECRET_FILE: "/nowhere/at/all" }, /^AUTH_SECRET_FILE names \/nowhere\/at\/all, which does not exist/],
  ])("%j", (source, message) => {
    const text = refusal(source);
    if (typeof message === "string") expect(text).toBe(message);
    else expect(text).toMatch(message);
  });

  test("secret values are never repeated", () => {
    for (const name of Object.keys(variables.shape).filter((name) =>
      /SECRET|PEPPER|PASSWORD|DATABASE_URL/.test(name),
    )) {
      expect(refusal({ [name]: "hunter2" })).not.toContain("hunter2");
    }
  });

  test("several wrong values are reported together", () => {
    expect(refusal({ PORT: "x", LOG_LEVEL: "y" }).split("\n")).toHaveLength(2);
  });
});

describe("files", () => {
  const path = join(directory, "pepper");
  writeFileSync(path, `${"p".repeat(40)}\n`);

  test("any variable may be given as a file", () => {
    expect(parse({ HUB_KEY_PEPPER_FILE: path }).keyPepper).toBe("p".repeat(40));
  });

  test("both at once is refused", () => {
    expect(refusal({ HUB_KEY_PEPPER_FILE: path, HUB_KEY_PEPPER: "q".repeat(40) })).toBe(
      "HUB_KEY_PEPPER and HUB_KEY_PEPPER_FILE are both set: keep one of them.",
    );
  });
});

describe("secrets", () => {
  test("a missing one is refused when it is read, not before", () => {
    const settings = parse({});
    expect(() => settings.authSecret).toThrow("AUTH_SECRET is not set: give it, or AUTH_SECRET_FILE");
    expect(settings.secretsKey).toBeUndefined();
  });
});

describe("the simulator of GitHub and Google", () => {
  test("is another process of this machine, and never in production", () => {
    const url = "http://127.0.0.1:4000";
    expect(parse({ AUTH_SIMULATOR_URL: url }).authSimulatorUrl).toBe(url);
    expect(refusal({ AUTH_SIMULATOR_URL: "https://github.example.com" })).toContain(
      "must be an address of this machine",
    );
    expect(refusal({ AUTH_SIMULATOR_URL: "http://127.0.0.1.evil.test" })).toContain(
      "must be an address of this machine",
    );
    expect(refusal({ AUTH_SIMULATOR_URL: url, HUB_PRODUCTION: "true" })).toContain("lets anybody sign in as anybody");
  });
});

test("crash points are never in production", () => {
  expect(parse({ HUB_CRASH_POINTS: "/tmp/points" }).crashPoints).toBe("/tmp/points");
  expect(refusal({ HUB_CRASH_POINTS: "/tmp/points", HUB_PRODUCTION: "true" })).toContain("lets a file kill the hub");
});

describe("databaseUrlFor", () => {
  test("prefers the role's own URL", () => {
    const settings = parse({ DATABASE_URL: "postgres://owner@db/hub", HUB_DATABASE_URL_WEB: "postgres://web@db/hub" });
    expect(databaseUrlFor("web", settings)).toBe("postgres://web@db/hub");
    expect(databaseUrlFor("gateway", settings)).toBe("postgres://owner@db/hub");
  });

  test("says what to do when there is none", () => {
    expect(() => databaseUrlFor("worker", parse({}))).toThrow("DATABASE_URL is not set: started alone, the worker");
  });
});

test(".env.example explains exactly the variables that exist", () => {
  const text = readFileSync(join(import.meta.dirname, "../.env.example"), "utf8");
  const listed = [...text.matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map((match) => match[1] ?? "");
  expect(listed.toSorted()).toEqual(Object.keys(variables.shape).toSorted());
});
