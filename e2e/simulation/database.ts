import type pg from "pg";
import type { Sql } from "@/lib/pg";
import type { Owner, VirtualTime } from "./virtual-time";

export type Statement = {
  owner: Owner;
  text: string;
  values: unknown[];
  resolve: (result: pg.QueryResult) => void;
  reject: (error: unknown) => void;
};

/** ok · failed: it did not run · lost: it ran, its answer did not arrive · locked: another machine has all wallets. */
export type Fate = "ok" | "failed" | "lost" | "locked";

/** One real connection, on which every statement of every node waits for its turn. All of a run is one transaction that is
 *  rolled back, each statement in a savepoint of its own. */
export class SimulatedDatabase {
  readonly waiting: Statement[] = [];

  constructor(
    private readonly client: pg.Client,
    private readonly time: VirtualTime,
    /** Hears of everything that took effect, before whoever asked does. */
    private readonly onEffect: (statement: Statement, rows: Record<string, unknown>[]) => Promise<void>,
  ) {}

  async begin(): Promise<void> {
    await this.client.query("BEGIN; SAVEPOINT statement");
  }

  async rollback(): Promise<void> {
    await this.client.query("ROLLBACK");
  }

  sqlOf(owner: Owner): Sql {
    const query = (config: string | { text: string; values?: unknown[] }, values?: unknown[]) =>
      new Promise((resolve, reject) => {
        const text = typeof config === "string" ? config : config.text;
        const given = (typeof config === "string" ? values : config.values) ?? [];
        this.waiting.push({ owner, text, values: given, resolve, reject });
      });
    // safe because the product uses the promise form with one result only
    return { query } as unknown as Sql;
  }

  /** Runs a statement that waits and lets its owner go on. */
  async run(statement: Statement, fate: Fate): Promise<void> {
    this.waiting.splice(this.waiting.indexOf(statement), 1);
    if (fate === "failed")
      return this.answer(statement, () => statement.reject(lost("57P01", "terminating connection")));
    if (fate === "locked") {
      const items = JSON.parse(String(statement.values[0])) as unknown[];
      const rows = items.map((_, index) => ({ ord: index + 1, skipped: true }));
      return this.answer(statement, () => statement.resolve({ rows } as unknown as pg.QueryResult));
    }
    const result = await this.ask(statement.text, statement.values).catch((error: unknown) => error as Error);
    if (result instanceof Error) return this.answer(statement, () => statement.reject(result));
    await this.onEffect(statement, result.rows);
    if (fate === "lost") return this.answer(statement, () => statement.reject(lost("08006", "connection lost")));
    await this.answer(statement, () => statement.resolve(result));
  }

  /** One statement of the run itself, at once. */
  async ask(text: string, values: unknown[] = []): Promise<pg.QueryResult> {
    const now = new Date(this.time.clock.now()).toISOString();
    const prelude = this.client.query(`RELEASE SAVEPOINT statement; SET LOCAL hub.now = '${now}'; SAVEPOINT statement`);
    try {
      const [, result] = await Promise.all([prelude, this.client.query(text, values)]);
      return result;
    } catch (error) {
      await this.client.query("ROLLBACK TO SAVEPOINT statement");
      throw error;
    }
  }

  private answer(statement: Statement, act: () => void): Promise<void> {
    return this.time.turn(statement.owner, act);
  }
}

function lost(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
