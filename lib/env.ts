import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import * as kind from "./env-kinds";

/** Every setting of the product. A variable that is not here does not exist; `.env.example` explains each one, and a
 *  test keeps the two lists equal. Any of them may be given as `<NAME>_FILE`, the path of a file with the value. */
export const variables = z.object({
  PORT: kind.port().default(3000),
  HUB_PUBLIC_URL: kind.origin().optional(),
  HUB_PRODUCTION: kind.boolean().optional(),
  HUB_DATA_DIR: z.string().default(".data"),
  HUB_TRUSTED_PROXIES: kind.cidrs(),
  HUB_SANDBOX_IN_PRODUCTION: kind.boolean().default(false),
  LOG_LEVEL: kind.oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  OTEL_EXPORTER_OTLP_ENDPOINT: kind.url(["http:", "https:"]).optional(),

  DATABASE_URL: kind.postgresUrl().optional(),
  HUB_DATABASE_URL_GATEWAY: kind.postgresUrl().optional(),
  HUB_DATABASE_URL_WEB: kind.postgresUrl().optional(),
  HUB_DATABASE_URL_WORKER: kind.postgresUrl().optional(),
  DATABASE_URL_READ: kind.postgresUrl().optional(),
  HUB_PG_NAMED_STATEMENTS: kind.boolean().default(true),

  HUB_SECRETS_KEY: kind.sealingKey().optional(),
  HUB_SECRETS_PUBLIC_KEY: kind.sealingKey().optional(),
  HUB_KEY_PEPPER: kind.secret().optional(),
  HUB_KEY_PEPPER_PREVIOUS: kind.secret().optional(),
  AUTH_SECRET: kind.secret().optional(),

  AUTH_GITHUB_ID: z.string().optional(),
  AUTH_GITHUB_SECRET: z.string().optional(),
  AUTH_GOOGLE_ID: z.string().optional(),
  AUTH_GOOGLE_SECRET: z.string().optional(),
  AUTH_OIDC_ISSUER: kind.url(["http:", "https:"]).optional(),
  AUTH_OIDC_ID: z.string().optional(),
  AUTH_OIDC_SECRET: z.string().optional(),
  AUTH_SIMULATOR_URL: kind.loopbackOrigin().optional(),

  SMTP_URL: kind.url(["smtp:", "smtps:"]).optional(),
  STRIPE_SECRET_KEY: kind.stripeKey().optional(),
  STRIPE_WEBHOOK_SECRET: kind.webhookSecrets().optional(),
  STRIPE_API_BASE: kind.url(["http:", "https:"]).optional(),

  HUB_BOOTSTRAP_MANAGEMENT_KEY: kind.managementKey().optional(),
  HUB_BOOTSTRAP_ADMIN_EMAIL: kind.email().optional(),
  HUB_BOOTSTRAP_ADMIN_PASSWORD: kind.password().optional(),

  GATEWAY_WORKERS: kind.integer({ min: 1, max: 64 }).default(Math.min(4, Math.max(1, availableParallelism() - 1))),
  HUB_NODE_NAME: kind.nodeName().optional(),
  HUB_WORKER_SLOT: kind.integer({ min: 1, max: 64 }).optional(),
  HUB_WEB_PORT: kind.port().default(3001),
  HUB_STRIPE_SIMULATOR_PORT: kind.port().optional(),
  HUB_GATEWAY_PORT: kind.port().optional(),
  HUB_CRASH_POINTS: z.string().optional(),
  HUB_DEVELOPMENT: kind.boolean().default(false),
  HUB_ROLE: kind.oneOf(["supervisor", "gateway", "web", "worker"]).default("supervisor"),
});

export type Variable = keyof typeof variables.shape;
export type Role = "gateway" | "web" | "worker";
export type Source = Readonly<Record<string, string | undefined>>;

/** Generated on the first run outside production, demanded in production. */
export const GENERATED_SECRETS = [
  "HUB_SECRETS_KEY",
  "HUB_SECRETS_PUBLIC_KEY",
  "HUB_KEY_PEPPER",
  "AUTH_SECRET",
] as const;
export type Secrets = Record<(typeof GENERATED_SECRETS)[number], string>;
/** Never repeated in a message. */
const CONFIDENTIAL = /SECRET|PEPPER|PASSWORD|DATABASE_URL|SMTP_URL|MANAGEMENT_KEY/;
/** Useless one without the other. */
const TOGETHER: readonly (readonly Variable[])[] = [
  ["AUTH_GITHUB_ID", "AUTH_GITHUB_SECRET"],
  ["AUTH_GOOGLE_ID", "AUTH_GOOGLE_SECRET"],
  ["AUTH_OIDC_ISSUER", "AUTH_OIDC_ID", "AUTH_OIDC_SECRET"],
  ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"],
  ["HUB_BOOTSTRAP_ADMIN_EMAIL", "HUB_BOOTSTRAP_ADMIN_PASSWORD"],
];

/** A setting that cannot be used. The message is one sentence per variable, each saying how to mend it. */
export class EnvError extends Error {
  override readonly name = "EnvError";
}

export type Env = ReturnType<typeof parseEnv>;

/** Turns variables into settings. Throws EnvError. Secrets that are missing throw only when read, so that a build and
 *  the supervisor's first look need none. */
export function parseEnv(source: Source) {
  const given = withFiles(source);
  const parsed = variables.safeParse(given);
  if (!parsed.success) throw new EnvError(parsed.error.issues.map((issue) => sentence(issue, given)).join("\n"));
  const value = parsed.data;
  for (const names of TOGETHER) demandAllOrNone(names, given);

  const production = value.HUB_PRODUCTION ?? Boolean(value.DATABASE_URL && value.HUB_PUBLIC_URL);
  if (production && value.AUTH_SIMULATOR_URL) {
    throw new EnvError("AUTH_SIMULATOR_URL lets anybody sign in as anybody: remove it, or HUB_PRODUCTION.");
  }
  if (production && value.HUB_CRASH_POINTS) {
    throw new EnvError("HUB_CRASH_POINTS lets a file kill the hub: remove it, or HUB_PRODUCTION.");
  }
  const port = value.HUB_GATEWAY_PORT ?? value.PORT;
  const dataDir = resolve(value.HUB_DATA_DIR);
  const secret = (name: (typeof GENERATED_SECRETS)[number]) =>
    value[name] ?? (production ? undefined : generatedSecret(name, dataDir, value.HUB_ROLE));
  const demanded = (name: (typeof GENERATED_SECRETS)[number]) => {
    const text = secret(name);
    if (!text) throw new EnvError(`${name} is not set: give it, or ${name}_FILE, as .env.example describes.`);
    return text;
  };

  return Object.freeze({
    /** The public port, also in web, whose PORT variable Next reads and rewrites. */
    port,
    publicUrl: value.HUB_PUBLIC_URL,
    /** Decided once, here; NODE_ENV says nothing, since Next sets it by itself. */
    production,
    /** `npm run dev`: web is `next dev`, whose hot reload needs Upgrade requests to pass. */
    development: value.HUB_DEVELOPMENT,
    dataDir,
    trustedProxies: value.HUB_TRUSTED_PROXIES,
    sandboxInProduction: value.HUB_SANDBOX_IN_PRODUCTION,
    logLevel: value.LOG_LEVEL,
    otelEndpoint: value.OTEL_EXPORTER_OTLP_ENDPOINT,
    databaseUrl: value.DATABASE_URL,
    databaseUrlGateway: value.HUB_DATABASE_URL_GATEWAY,
    databaseUrlWeb: value.HUB_DATABASE_URL_WEB,
    databaseUrlWorker: value.HUB_DATABASE_URL_WORKER,
    databaseUrlRead: value.DATABASE_URL_READ,
    /** Off behind a PgBouncer before 1.21 in transaction mode. */
    pgNamedStatements: value.HUB_PG_NAMED_STATEMENTS,
    /** Those of GENERATED_SECRETS that exist, for the supervisor, which makes the rest. */
    get secrets() {
      return Object.fromEntries(GENERATED_SECRETS.map((name) => [name, secret(name)])) as Partial<Secrets>;
    },
    get secretsKey() {
      return secret("HUB_SECRETS_KEY");
    },
    get secretsPublicKey() {
      return secret("HUB_SECRETS_PUBLIC_KEY");
    },
    get keyPepper() {
      return demanded("HUB_KEY_PEPPER");
    },
    keyPepperPrevious: value.HUB_KEY_PEPPER_PREVIOUS,
    get authSecret() {
      return demanded("AUTH_SECRET");
    },
    authGithub: pair(value.AUTH_GITHUB_ID, value.AUTH_GITHUB_SECRET),
    authGoogle: pair(value.AUTH_GOOGLE_ID, value.AUTH_GOOGLE_SECRET),
    authOidc: pair(value.AUTH_OIDC_ID, value.AUTH_OIDC_SECRET),
    authOidcIssuer: value.AUTH_OIDC_ISSUER,
    /** Stands in for GitHub and Google. Never set in production. */
    authSimulatorUrl: value.AUTH_SIMULATOR_URL,
    smtpUrl: value.SMTP_URL,
    stripeSecretKey: value.STRIPE_SECRET_KEY,
    /** One, or two while they are exchanged; empty where Stripe is off. */
    stripeWebhookSecrets: value.STRIPE_WEBHOOK_SECRET ?? [],
    stripeApiBase: value.STRIPE_API_BASE,
    bootstrapManagementKey: value.HUB_BOOTSTRAP_MANAGEMENT_KEY,
    bootstrapAdminEmail: value.HUB_BOOTSTRAP_ADMIN_EMAIL,
    bootstrapAdminPassword: value.HUB_BOOTSTRAP_ADMIN_PASSWORD,
    gatewayWorkers: value.GATEWAY_WORKERS,
    /** Names this process's holds in the database: two hubs on one database must differ in it. */
    gatewayNode: nodeName(value.HUB_NODE_NAME ?? `${hostname()}:${port}`, value.HUB_WORKER_SLOT),
    webPort: value.HUB_WEB_PORT,
    /** Set by the supervisor where it runs the simulation of Stripe. */
    stripeSimulatorPort: value.HUB_STRIPE_SIMULATOR_PORT,
    /** Where fault tests say at which point a process dies. Never set in production. */
    crashPoints: value.HUB_CRASH_POINTS,
    role: value.HUB_ROLE,
  });
}

/** Workers of one gateway are nodes of their own; a replaced worker keeps its slot and thereby its name. */
function nodeName(name: string, slot: number | undefined): string {
  return slot === undefined ? name : `${name}/${slot}`;
}

let current: Env | undefined;

/** The settings of this process, parsed on first use and frozen. Throws EnvError. */
export function env(): Env {
  current ??= parseEnv(process.env);
  return current;
}

/** The raw variables: for the supervisor, which hands each role its share of them. */
export function environment(): Source {
  return process.env;
}

/** Sets what Next's standalone server reads from the environment and nowhere else. */
export function setNextEnvironment(port: number): void {
  // Above any balancer's idle time: a connection that Next closes first races with the next request.
  Object.assign(process.env, { HOSTNAME: "127.0.0.1", PORT: String(port), KEEP_ALIVE_TIMEOUT: "70000" });
}

/** The URL with which a role connects: its own database role's, else the owner's. Throws EnvError when there is none. */
export function databaseUrlFor(role: Role, settings: Env = env()): string {
  const own = {
    gateway: settings.databaseUrlGateway,
    web: settings.databaseUrlWeb,
    worker: settings.databaseUrlWorker,
  };
  const url = own[role] ?? settings.databaseUrl;
  if (!url) {
    throw new EnvError(
      `DATABASE_URL is not set: started alone, the ${role} needs a database; \`npm start\` brings one of its own.`,
    );
  }
  return url;
}

/** Where the supervisor keeps a secret that it generated. */
export function generatedSecretPath(dataDir: string, name: string): string {
  return join(dataDir, "secrets", name);
}

function generatedSecret(name: string, dataDir: string, role: string): string | undefined {
  // Whoever runs code in web must find no way to the private half, not even a path.
  if (role === "web" && name === "HUB_SECRETS_KEY") return undefined;
  const path = generatedSecretPath(dataDir, name);
  try {
    return existsSync(path) ? readFileSync(path, "utf8").trim() : undefined;
  } catch {
    return undefined;
  }
}

/** The settings among the variables, by name. An empty value, as `NAME=` in a .env file, means "not set"; `<NAME>_FILE`
 *  is read, since a role under another user may not be able to. Throws EnvError. */
export function withFiles(source: Source): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of Object.keys(variables.shape)) {
    const text = source[name]?.trim();
    const path = source[`${name}_FILE`]?.trim();
    if (text && path) throw new EnvError(`${name} and ${name}_FILE are both set: keep one of them.`);
    if (text) given[name] = text;
    if (path) given[name] = readSecretFile(name, path);
  }
  return given;
}

function readSecretFile(name: string, path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "cannot be read";
    throw new EnvError(`${name}_FILE names ${path}, which ${reason}: correct the path or its permissions.`);
  }
}

function sentence(issue: z.core.$ZodIssue, given: Record<string, string>): string {
  const name = String(issue.path[0]);
  const value = CONFIDENTIAL.test(name) ? "" : ` is "${given[name]}" but`;
  return `${name}${value} ${issue.message}.`;
}

function demandAllOrNone(names: readonly Variable[], given: Record<string, string>): void {
  const missing = names.filter((name) => given[name] === undefined);
  if (missing.length === 0 || missing.length === names.length) return;
  const present = names.filter((name) => given[name] !== undefined);
  throw new EnvError(`${present.join(" and ")} needs ${missing.join(" and ")}: set all of them or none.`);
}

function pair(id: string | undefined, secret: string | undefined): { id: string; secret: string } | undefined {
  return id && secret ? { id, secret } : undefined;
}
