import { expect, test } from "vitest";
import { parseEnv, type Role } from "@/lib/env";
import { environmentFor } from "@/server/supervisor/environment";

const secrets = {
  HUB_SECRETS_KEY: "1.private",
  HUB_SECRETS_PUBLIC_KEY: "1.public",
  HUB_KEY_PEPPER: "pepper",
  AUTH_SECRET: "auth",
};
const source = {
  PATH: "/bin",
  AWS_SECRET_ACCESS_KEY: "of the operator's shell",
  DATABASE_URL: "postgres://owner:password@db/hub",
  HUB_SECRETS_KEY: "1.private",
  HUB_BOOTSTRAP_ADMIN_EMAIL: "root@example.com",
  HUB_BOOTSTRAP_ADMIN_PASSWORD: "correct horse battery",
  SMTP_URL: "smtp://mail.example.com",
  AUTH_GITHUB_ID: "id",
  AUTH_GITHUB_SECRET: "github secret",
};
const environment = (role: Role) =>
  environmentFor(role, {
    settings: parseEnv({ HUB_DATA_DIR: "/data" }),
    source,
    secrets,
    databaseUrl: `postgres://hub_${role}@db/hub`,
    webPort: 4321,
    development: false,
  });

test("web sees the public half only, and an empty private one, so that no .env file can bring it", () => {
  const web = environment("web");
  expect(web).toMatchObject({ HUB_SECRETS_KEY: "", HUB_SECRETS_PUBLIC_KEY: "1.public", HUB_ROLE: "web" });
  expect(JSON.stringify(web)).not.toContain("1.private");
});

test("nobody gets the owner's database, the bootstrap password or what the operator's shell holds", () => {
  for (const role of ["gateway", "web", "worker"] as const) {
    const text = JSON.stringify(environment(role));
    expect(text).not.toContain("owner:password");
    expect(text).not.toContain("correct horse");
    expect(text).not.toContain("operator's shell");
    expect(text).toContain(`postgres://hub_${role}@db/hub`);
  }
});

test("each role gets its own secrets and not its neighbours'", () => {
  expect(environment("gateway")).toMatchObject({ HUB_SECRETS_KEY: "1.private", AUTH_SECRET: "" });
  expect(environment("gateway")).not.toHaveProperty("SMTP_URL");
  expect(environment("gateway")).not.toHaveProperty("AUTH_GITHUB_SECRET");
  expect(environment("web")).toMatchObject({ AUTH_SECRET: "auth", AUTH_GITHUB_SECRET: "github secret" });
  expect(environment("worker")).toMatchObject({ SMTP_URL: "smtp://mail.example.com" });
});
