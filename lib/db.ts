import { PrismaPg } from "@prisma/adapter-pg";
import { env } from "@/lib/env";
import type { RequestOrigin } from "@/lib/orgs/scope";
import { createPool, type Sql } from "@/lib/pg";
import { type Prisma, PrismaClient } from "@/prisma/generated/client";

const POOL_SIZE = 10;
/** A person waits for a page; a call waits for its hold, and that has a limit of its own. */
const CONNECT_TIMEOUT_MS = 10_000;
let own: { client: PrismaClient; pool: Sql } | undefined;

/** The process's one Prisma client, connected as its own database role (web or worker) on first use.
 *  The gateway never imports this file: it speaks plain `pg` (lib/pg.ts). */
export function db(): PrismaClient {
  return connected().client;
}

/** The connections under `db`, for what this process shares with the gateway, whose statements take a `Sql`. */
export function sql(): Sql {
  return connected().pool;
}

/** Runs one change of the operator's in one transaction, with the answer that its Idempotency-Key stands for: both are kept or
 *  neither. What `run` returns must be what the endpoint answers. */
export function change<Result>(
  { request }: { readonly request?: RequestOrigin },
  run: (tx: Prisma.TransactionClient) => Promise<Result>,
): Promise<Result> {
  return db().$transaction(async (tx) => {
    const result = await run(tx);
    await request?.remember?.(tx, result);
    return result;
  });
}

/** A client of its own on `url`, for the seed and for tests; the caller disconnects it. */
export function createDb(url: string, { max = POOL_SIZE }: { max?: number } = {}): PrismaClient {
  return connect(url, max).client;
}

function connected() {
  own ??= connect(ownUrl(), POOL_SIZE);
  return own;
}

function connect(url: string, max: number) {
  const pool = createPool(url, { max, applicationName: "hub-prisma", connectTimeoutMs: CONNECT_TIMEOUT_MS });
  // the adapter would otherwise leave the pool open on $disconnect, and with it the process
  return { pool, client: new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) }) };
}

function ownUrl(): string {
  const { databaseUrlWeb, databaseUrlWorker, databaseUrl } = env();
  const url = databaseUrlWeb ?? databaseUrlWorker ?? databaseUrl;
  if (!url) throw new Error("DATABASE_URL is not set: start the hub with npm start, or set it for this process.");
  return url;
}
