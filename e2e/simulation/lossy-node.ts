import type { QueryResult } from "pg";
import { createWallet, type Wallet } from "@/lib/billing/wallet";
import type { Clock } from "@/lib/clock";
import type { Sql } from "@/lib/pg";
import { createRecorder, type Recorder } from "@/lib/usage/record";
import { openSpool } from "@/lib/usage/spool";
import type { Random } from "./random";

/** One in this many statements fails, and as many take effect without anybody hearing of it. */
const STATEMENTS_A_FAULT = 500;

type Surroundings = { sql: Sql; clock: Clock; random: Random; directory: string };

/** The money path of one gateway process: wallet, recorder and spool as lib/gateway/runtime.ts puts them together, over a database
 *  that is sometimes lost. */
export class LossyNode {
  private constructor(
    readonly name: string,
    readonly wallet: Wallet,
    readonly recorder: Recorder,
    private readonly faults: Faults,
  ) {}

  /** Starts it anew and settles what its last life wrote down. */
  static async boot(name: string, { sql, clock, random, directory }: Surroundings): Promise<LossyNode> {
    const { rows } = await sql.query<{ epoch: string }>("select node_boot($1)::text as epoch", [name]);
    const epoch = rows[0]?.epoch ?? "";
    const faults: Faults = { dead: false };
    const onError = (error: unknown) => {
      throw error;
    };
    const wallet = createWallet({ sql: lossy(sql, random, faults), node: name, epoch, named: true, onTrouble() {} });
    const spool = openSpool({ directory, node: name, epoch, onError });
    const recorder = createRecorder({ wallet, spool, clock, onRefused: onError });
    await recorder.replay();
    await sql.query("select node_spool_replayed($1, $2::bigint)", [name, epoch]);
    return new LossyNode(name, wallet, recorder, faults);
  }

  get isDead(): boolean {
    return this.faults.dead;
  }

  /** What it was about to do is not done any more; its spool stays. */
  crash(): void {
    this.faults.dead = true;
  }
}

type Faults = { dead: boolean };

function lossy(sql: Sql, random: Random, faults: Faults): Sql {
  const never = () => new Promise<QueryResult>(() => {});
  const query = async (...asked: Parameters<Sql["query"]>) => {
    if (faults.dead) return never();
    const fate = random.between(1, STATEMENTS_A_FAULT);
    if (fate === 1) throw Object.assign(new Error("terminating connection"), { code: "57P01" });
    const result = await sql.query(...asked);
    if (faults.dead) return never();
    if (fate === 2) throw Object.assign(new Error("connection lost"), { code: "08006" });
    return result;
  };
  // safe because it asks and answers as the pool does
  return { query } as unknown as Sql;
}
