/** A tiny repository, the rule it is shown to, and the one `file:line` that must be reported (null: nothing may be). */
export type Plant = { rule: string; title: string; files: Record<string, string>; at: string | null };

function breaks(rule: string, title: string, at: string, source: string, files: Record<string, string> = {}): Plant {
  return { rule, title, at, files: { [at.slice(0, at.lastIndexOf(":"))]: source, ...files } };
}

function obeys(rule: string, title: string, files: Record<string, string>): Plant {
  return { rule, title, at: null, files };
}

const importing = (name: string) => `import { x } from "@/${name}";`;
const ACTION = '"use server";\nimport { action } from "@/lib/auth/action";\n';
const ADMIN_ROUTE = "app/api/admin/v1/orgs/route.ts";
const POE = "lib/gateway/providers/poe.ts";
const PROVIDER = "\nexport const x = defineProvider({});";

export const PLANTS: readonly Plant[] = [
  breaks("layers", "lib imports a component", "lib/orgs/a.ts:1", importing("components/b")),
  breaks("layers", "components import app", "components/b.tsx:1", 'import { p } from "../app/page";'),
  breaks("layers", "app imports server", "app/page.tsx:2", `\n${importing("server/start")}`),
  obeys("layers", "a type may come from above", { "lib/a.ts": 'import type { B } from "@/components/b";' }),
  breaks("component-imports", "a component queries", "components/b.tsx:1", importing("lib/keys/queries")),
  breaks("component-imports", "a component logs", "components/b.tsx:1", importing("lib/log")),
  obeys("component-imports", "a component uses a schema", { "components/b.tsx": importing("lib/keys/schema") }),
  breaks("domains", "upward", "lib/orgs/a.ts:1", importing("lib/billing/wallet")),
  breaks("domains", "between equals", "lib/keys/a.ts:1", importing("lib/billing/wallet")),
  breaks("domains", "an inline type keeps its import", "lib/keys/a.ts:1", 'import { type W } from "../usage/record";'),
  breaks("domains", "by re-export", "lib/keys/a.ts:1", 'export { w } from "@/lib/usage/record";'),
  breaks("domains", "by dynamic import", "lib/keys/a.ts:1", 'export const w = () => import("@/lib/usage/record");'),
  breaks("domains", "a leaf imports a domain", "lib/log.ts:1", importing("lib/usage/record")),
  breaks("domains", "a domain without a height", "lib/stuff/a.ts:1", importing("lib/usage/record")),
  breaks("domains", "a domain calls an action", "lib/http/a.ts:1", importing("lib/keys/actions")),
  obeys("domains", "downward", { "lib/usage/a.ts": importing("lib/billing/wallet") }),
  obeys("domains", "proof of scope from anywhere", { "lib/audit/a.ts": importing("lib/orgs/scope") }),
  breaks("auth-entrance", "the doors ask for a session", "lib/http/a.ts:1", importing("lib/auth/session")),
  breaks("cycles", "two files", "lib/b.ts:1", importing("lib/a"), { "lib/a.ts": importing("lib/b") }),
  breaks("cycles", "three files", "lib/c.ts:2", '\nimport "./a";', {
    "lib/a.ts": 'import "./b";',
    "lib/b.ts": 'import "./c";',
  }),
  breaks("barrels", "index", "lib/keys/index.ts:1", 'export { a } from "./a";\nexport const b = 1;'),
  breaks("barrels", "under another name", "lib/keys/all.ts:1", 'export * from "./a";\nexport type { B } from "./b";'),

  breaks("vendors", "stripe", "lib/billing/wallet.ts:1", 'import Stripe from "stripe";'),
  breaks("vendors", "AI SDK", "lib/gateway/call.ts:1", 'import { createAnthropic } from "@ai-sdk/anthropic";'),
  obeys("vendors", "an AI SDK type", { "lib/a.ts": 'import type { LanguageModelV4 } from "@ai-sdk/provider";' }),
  breaks("vendors", "pg", "lib/usage/record.ts:1", 'import pg from "pg";'),
  breaks("vendors", "undici", "lib/gateway/call.ts:1", 'import { fetch } from "undici";'),
  breaks("prisma", "in a concept file", "lib/keys/secret.ts:1", importing("lib/db")),
  breaks("prisma", "in a page", "app/page.tsx:1", importing("lib/db")),
  obeys("prisma", "in queries.ts", { "lib/keys/queries.ts": importing("lib/db") }),
  breaks("pools", "a domain opens a pool", "lib/usage/record.ts:1", importing("lib/pg")),
  breaks("plain-typescript", "next in the gateway", "lib/gateway/a.ts:1", 'import { headers } from "next/headers";'),
  breaks("plain-typescript", "react in billing", "lib/billing/a.ts:1", 'import { cache } from "react";'),
  breaks("plain-typescript", "settings in the gateway", "lib/gateway/a.ts:1", importing("lib/env")),
  breaks("providers", "one imports another", `${POE}:1`, `import { o } from "./openai";${PROVIDER}`, {
    "lib/gateway/providers/openai.ts": PROVIDER,
  }),
  breaks("providers", "a provider imports a domain", `${POE}:1`, importing("lib/billing/pricing") + PROVIDER),
  breaks("vendors", "node:http", "lib/gateway/call.ts:1", 'import { request } from "node:http";'),
  breaks("egress", "the global fetch", "lib/gateway/call.ts:2", "\nexport const call = (url: string) => fetch(url);"),
  obeys("egress", "a fetch that was passed in", { "lib/a.ts": "const get = ({ fetch }: Net) => fetch(url);" }),
  breaks("environment", "process.env", "lib/log.ts:2", "\nexport const level = process.env.LOG_LEVEL;"),
  breaks("environment", "destructured", "proxy.ts:1", "const { env } = process;"),
  breaks("environment", "imported", "app/page.tsx:1", 'import { env } from "node:process";'),
  breaks("gates", "a page mints a scope", "app/page.tsx:1", 'import { mintScope } from "@/lib/orgs/scope";'),
  breaks(
    "gates",
    "a key mints a staff scope",
    "lib/keys/authenticate.ts:1",
    'import * as scope from "@/lib/orgs/scope";',
  ),

  breaks("client-reach", "through a module", "components/b.tsx:2", `"use client";\n${importing("lib/keys/format")}`, {
    "lib/keys/format.ts": importing("lib/env"),
    "lib/env.ts": "",
  }),
  obeys("client-reach", "a server action is only a reference", {
    "components/b.tsx": `"use client";\n${importing("lib/keys/actions")}`,
    "lib/keys/actions.ts": `"use server";\n${importing("lib/db")}`,
    "lib/db.ts": "",
  }),
  breaks("server-actions", "bare", "lib/keys/actions.ts:3", `${ACTION}export async function drop() {}`),
  breaks("server-actions", "a look-alike", "lib/keys/actions.ts:2", '"use server";\nexport const drop = action(1);'),
  breaks("server-actions", "inline", "app/page.tsx:2", 'async function drop() {\n  "use server";\n}'),
  breaks("server-actions", "in another file", "app/drop.ts:1", `${ACTION}export const drop = action(1);`),
  obeys("server-actions", "made by the builder", { "lib/keys/actions.ts": `${ACTION}export const drop = action(1);` }),
  breaks("lost-answers", "awaited bare", "components/b.tsx:2", `${importing("lib/keys/actions")}\nawait x({});`, {
    "lib/keys/actions.ts": ACTION,
  }),
  obeys("lost-answers", "through settled", {
    "components/b.tsx": `${importing("lib/keys/actions")}\nawait settled(x({}));`,
    "lib/keys/actions.ts": ACTION,
  }),
  breaks("route-builders", "a bare admin route", `${ADMIN_ROUTE}:2`, "\nexport async function GET() {}"),
  breaks("route-builders", "a look-alike", `${ADMIN_ROUTE}:1`, "export const GET = adminRoute({});"),
  obeys("route-builders", "made by the builder", {
    [ADMIN_ROUTE]: 'import { route } from "@/lib/http/admin-api";\nexport const { GET, POST } = route({});',
  }),

  breaks("names", "camelCase", "lib/keys/apiKey.ts:1", ""),
  breaks("names", "a helpers file", "lib/keys/helpers.ts:1", ""),
  breaks("names", "a types folder", "components/types/key.ts:1", ""),
  obeys("names", "Next's folders", { "app/(console)/[org]/page.tsx": "", "app/api/openapi.json/[...id]/route.ts": "" }),
  breaks("money", "a number field", "lib/billing/a.ts:2", "export type Wallet = {\n  heldNano: number;\n};"),
  breaks(
    "money",
    "a number parameter",
    "lib/billing/a.ts:1",
    "const charge = (amountNano?: number | null) => amountNano;",
  ),
  breaks("money", "a converted value", "lib/billing/a.ts:1", 'export const priceNano = Number("1");'),
  obeys("money", "a bigint", {
    "lib/billing/a.ts": "type Wallet = { heldNano: bigint; f: (aNano: bigint) => number };",
  }),
  breaks("sql", "text spliced into SQL", "lib/keys/queries.ts:1", "const q = (db: Db) => db.$queryRawUnsafe(text);"),
];
