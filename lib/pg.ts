import pg from "pg";

/** What domain code needs of `pg`: a pool, or a client inside a transaction. */
export type Sql = Pick<pg.Pool, "query">;

export type PoolOptions = {
  max: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** The server cancels a statement that runs longer. */
  statementTimeoutMs?: number;
  /** How long a connection is waited for; 2 s where this is not given. */
  connectTimeoutMs?: number;
};

/** A pool that survives a database restart: a broken idle connection is dropped, the next query opens a new one. */
export function createPool(
  url: string,
  { max, applicationName, statementTimeoutMs, connectTimeoutMs = 2_000 }: PoolOptions,
): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    ...(statementTimeoutMs !== undefined && {
      statement_timeout: statementTimeoutMs,
      query_timeout: statementTimeoutMs + 1_000,
    }),
  });
  // without a listener an idle connection's error would end the process
  pool.on("error", () => {});
  return pool;
}

/** A connection of its own for LISTEN. It must reach Postgres directly, not through a transaction pooler. A query on it that
 *  is not answered within 2 s fails: the connection may be gone without anybody having said so. */
export async function connectListener(url: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
    keepAlive: true,
  });
  await client.connect();
  return client;
}
