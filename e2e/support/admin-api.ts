import { globSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { vi } from "vitest";
import { type TestDatabase, testDatabase } from "@/e2e/support/database";
import { hashKey } from "@/lib/keys/secret";
import { generateSecretsKeyPair } from "@/lib/secrets";

/** The admin API in this process, as web runs it: hub_web's database role and the public half of the credential key. */
export type AdminHub = {
  database: TestDatabase;
  managementKey: string;
  /** What web does not have. */
  secretsKey: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** A further management key with these scopes. */
  keyWith(
    scopes: string[],
    more?: { status?: string; expiresAt?: Date; orgId?: string; createdBy?: string },
  ): Promise<string>;
  close(): Promise<void>;
};

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever JSON came
export type Answer = { status: number; headers: Headers; body: any };

type RouteModule = Record<string, (request: Request) => Promise<Response> | Response>;
const BASE = "/api/admin/v1";
const PEPPER = "test-pepper-0123456789abcdef0123456789abcdef";
let made = 0;

/** Call once per test file, before anything reads the environment; `close` in afterAll. */
export async function startAdminHub(): Promise<AdminHub> {
  const database = await testDatabase();
  const { secretKey: secretsKey, publicKey } = await generateSecretsKeyPair();
  vi.stubEnv("HUB_KEY_PEPPER", PEPPER);
  vi.stubEnv("HUB_ROLE", "web");
  vi.stubEnv("HUB_DATABASE_URL_WEB", database.roleUrl("web"));
  vi.stubEnv("HUB_SECRETS_PUBLIC_KEY", publicKey);
  const keyWith: AdminHub["keyWith"] = async (
    scopes,
    { status = "active", expiresAt, orgId, createdBy = "test" } = {},
  ) => {
    const key = `aigne_mk_${String(++made).padStart(40, "k")}`;
    await database.pool.query(
      `INSERT INTO management_key (id, org_id, name, prefix, last4, hash, scopes, status, expires_at, created_by)
       VALUES ($1, $2, 'test', 'aigne_mk_', $3, $4, $5, $6, $7, $8)`,
      [
        `mk_test${made}`,
        orgId ?? null,
        key.slice(-4),
        hashKey(PEPPER, key),
        scopes,
        status,
        expiresAt ?? null,
        createdBy,
      ],
    );
    return key;
  };
  const { MANAGEMENT_KEY_PERMISSIONS } = await import("@/lib/orgs/permissions");
  const managementKey = await keyWith([...MANAGEMENT_KEY_PERMISSIONS]);
  const { db } = await import("@/lib/db");
  return {
    database,
    managementKey,
    secretsKey,
    keyWith,
    call: (method, path, body, headers) =>
      dispatch(method, path, body, { authorization: `Bearer ${managementKey}`, ...headers }),
    close: async () => {
      await db().$disconnect();
      await database.drop();
      vi.unstubAllEnvs();
    },
  };
}

/** Finds the route file as Next would: static segments before parameters, catch-alls last. */
async function dispatch(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
  const { pathname } = new URL(BASE + path, "http://hub.test");
  const route = ROUTES.find(({ pattern }) => pattern.test(pathname));
  if (!route) throw new Error(`no route file serves ${pathname}`);
  const module: RouteModule = await import(/* @vite-ignore */ pathToFileURL(route.file).href);
  const handler = module[method];
  if (!handler) throw new Error(`${route.file} does not export ${method}`);
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  const init = { method, body: text, headers: { "content-type": "application/json", ...headers } };
  const response = await handler(new Request(`http://hub.test${BASE}${path}`, init));
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const ROUTES = globSync("app/api/admin/v1/**/route.ts", { cwd: process.cwd() })
  .map((file) => ({
    file: `${process.cwd()}/${file}`,
    path: `/${file.replace(/^app\//, "").replace(/\/route\.ts$/, "")}`,
  }))
  .sort((a, b) => rank(a.path) - rank(b.path))
  .map(({ file, path }) => ({
    file,
    pattern: new RegExp(`^${path.replace(/\[\.\.\.\w+\]/g, ".+").replace(/\[\w+\]/g, "[^/]+")}/?$`),
  }));

function rank(path: string): number {
  return path.includes("[...unknown]") ? 3 : path.includes("[...") ? 2 : path.includes("[") ? 1 : 0;
}
