import { type Env, type Role, type Secrets, type Source, type Variable, withFiles } from "@/lib/env";

/** What the operating system and Node itself may need. Everything else a role sees is named below. */
const SYSTEM = [
  ..."PATH HOME USER TMPDIR TEMP TZ LANG LC_ALL NODE_OPTIONS NODE_EXTRA_CA_CERTS SSL_CERT_FILE SSL_CERT_DIR".split(" "),
  ..."HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SYSTEMROOT WINDIR".split(" "),
];

const SHARED: readonly Variable[] = [
  ...(["HUB_PUBLIC_URL", "HUB_TRUSTED_PROXIES", "HUB_SANDBOX_IN_PRODUCTION", "HUB_KEY_PEPPER_PREVIOUS"] as const),
  ...(["LOG_LEVEL", "OTEL_EXPORTER_OTLP_ENDPOINT", "HUB_NODE_NAME", "HUB_PG_NAMED_STATEMENTS"] as const),
  ...(["DATABASE_URL_READ", "STRIPE_API_BASE"] as const),
];

const OWN: Record<Role, readonly Variable[]> = {
  gateway: ["GATEWAY_WORKERS", "HUB_STRIPE_SIMULATOR_PORT", "HUB_CRASH_POINTS"],
  web: [
    ...(["AUTH_GITHUB_ID", "AUTH_GITHUB_SECRET", "AUTH_GOOGLE_ID", "AUTH_GOOGLE_SECRET"] as const),
    ...(["AUTH_OIDC_ISSUER", "AUTH_OIDC_ID", "AUTH_OIDC_SECRET", "AUTH_SIMULATOR_URL"] as const),
    ...(["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"] as const),
  ],
  worker: ["SMTP_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "HUB_CRASH_POINTS"],
};

export type RoleInput = {
  settings: Env;
  source: Source;
  secrets: Secrets;
  databaseUrl: string;
  webPort: number;
  development: boolean;
};

/** The whole environment of one role: an allow-list, so that a new secret reaches nobody by accident. Web gets an empty
 *  HUB_SECRETS_KEY, which also keeps Next from taking one out of a .env file. */
export function environmentFor(role: Role, input: RoleInput): NodeJS.ProcessEnv {
  const { settings, source, secrets, development } = input;
  return {
    ...pick(source, SYSTEM),
    ...pick(withFiles(source), [...SHARED, ...OWN[role]]),
    NODE_ENV: development ? "development" : "production",
    NEXT_TELEMETRY_DISABLED: "1",
    HUB_ROLE: role,
    HUB_PRODUCTION: String(settings.production),
    HUB_DEVELOPMENT: String(development),
    HUB_DATA_DIR: settings.dataDir,
    PORT: String(settings.port),
    HUB_GATEWAY_PORT: String(settings.port),
    HUB_WEB_PORT: String(input.webPort),
    [`HUB_DATABASE_URL_${role.toUpperCase()}`]: input.databaseUrl,
    ...secrets,
    ...(role === "web" && { HUB_SECRETS_KEY: "" }),
    // next-auth reads its own address here and nowhere else
    ...(role === "web" && settings.publicUrl && { AUTH_URL: settings.publicUrl }),
    ...(role !== "web" && { AUTH_SECRET: "" }),
  };
}

function pick(source: Source, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (source[name] === undefined ? [] : [[name, source[name]]])));
}
