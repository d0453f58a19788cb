import { expect } from "@playwright/test";
import type { RequestRecord } from "@/e2e/support/providers/truth";
import type { Answer } from "./calls";
import type { Stage } from "./stage";

// What the books say of an organisation whose models all cost INPUT_NANO and OUTPUT_NANO a token, against what its
// clients saw and its upstream sent.

export const PRICE = { input: "1", output: "4" };
const INPUT_NANO = 1_000n;
const OUTPUT_NANO = 4_000n;
/** A hold is outrun by one slice at most. */
const SLICE_TOKENS = 1_024n;
/** Our count of a short prompt may differ from the provider's by the words around it. */
const INPUT_SLACK = 10;

export type EventRow = {
  id: string;
  kind: "call" | "adjust";
  parent_id: string | null;
  upstream_id: string | null;
  outcome: string;
  usage_source: string;
  input_tokens: number;
  output_tokens: number;
  price_nano: string;
  at: Date;
};

export async function eventsOf({ sql }: Stage, orgId: string): Promise<EventRow[]> {
  return (await sql.query<EventRow>("select * from usage_event where org_id = $1 order by at", [orgId])).rows;
}

export async function openHolds({ sql }: Stage, orgIds: readonly string[]): Promise<number> {
  const count = "select count(*)::int as open from hold where org_id = any ($1) and state = 'open'";
  return (await sql.query<{ open: number }>(count, [orgIds])).rows[0]?.open ?? 0;
}

/** When the last hold was closed. */
export async function lastClosed({ sql }: Stage, orgId: string): Promise<number> {
  const last = "select max(closed_at) as at from hold where org_id = $1";
  return (await sql.query<{ at: Date | null }>(last, [orgId])).rows[0]?.at?.getTime() ?? 0;
}

/** What came faster than a hold could be extended, and its wallet could not bear. */
async function writtenOff({ sql }: Stage, orgId: string): Promise<bigint> {
  const off = `select coalesce(-sum(e.amount), 0)::text as nano from entry e join journal j on j.id = e.journal_id
    where j.org_id = $1 and e.account_id = 'bad_debt'`;
  return BigInt((await sql.query<{ nano: string }>(off, [orgId])).rows[0]?.nano ?? 0);
}

export type Served = { orgId: string; creditNano: bigint; answers: readonly (Answer & { tag: string })[] };

/** Nothing is lost: each call whose end a client saw has its event, paid in full. Nothing is doubled: one event per call and
 *  per upstream call. Nothing is over-charged: never more than the upstream sent. The wallet has lost just that. Returns how many
 *  events there are. */
export async function expectExactBooks(stage: Stage, { orgId, creditNano, answers }: Served): Promise<number> {
  const events = await eventsOf(stage, orgId);
  const calls = events.filter(({ kind }) => kind === "call");
  const upstreamIds = calls.flatMap(({ upstream_id }) => upstream_id ?? []);
  expect(new Set(calls.map(({ id }) => id)).size, "one event per call").toBe(calls.length);
  expect(new Set(upstreamIds).size, "one event per upstream call").toBe(upstreamIds.length);
  const adjusted = events.filter(({ kind }) => kind === "adjust").map(({ parent_id }) => parent_id);
  expect(new Set(adjusted).size, "one adjustment per call").toBe(adjusted.length);

  const paid = new Map<string, { input: number; output: number; nano: bigint; upstreamId: string | null }>();
  for (const event of events) {
    const id = event.parent_id ?? event.id;
    const known = paid.get(id) ?? { input: 0, output: 0, nano: 0n, upstreamId: null };
    paid.set(id, {
      input: known.input + event.input_tokens,
      output: known.output + event.output_tokens,
      nano: known.nano + BigInt(event.price_nano),
      upstreamId: event.upstream_id ?? known.upstreamId,
    });
  }
  let total = 0n;
  for (const [id, { input, output, nano, upstreamId }] of paid) {
    total += nano;
    expect(nano, id).toBe(BigInt(input) * INPUT_NANO + BigInt(output) * OUTPUT_NANO);
    if (nano === 0n) continue;
    const truth: RequestRecord | undefined = upstreamId ? stage.upstream.truth.byId(upstreamId) : undefined;
    if (!truth) throw new Error(`${id} was charged, and the upstream knows nothing of ${upstreamId}`);
    expect(output, `${id}: output of ${truth.tag}`).toBeLessThanOrEqual(truth.tokens);
    expect(input, `${id}: input of ${truth.tag}`).toBeLessThanOrEqual(truth.usage.input + INPUT_SLACK);
  }
  for (const { isWhole, requestId, tag, text } of answers) {
    if (!isWhole) continue;
    const truth = stage.upstream.truth.byTag(tag).find(({ outcome }) => outcome === "complete");
    const output = paid.get(requestId)?.output ?? 0;
    // an answer that credit has ended is bounded above, and its upstream may have written more into the sockets than arrived
    const isCurtailed = text.includes("insufficient_credits");
    if (truth && !isCurtailed) expect(output, `${tag} was answered to its end`).toBe(truth.tokens);
    else expect(output, `${tag} was answered`).toBeGreaterThan(0);
  }
  const wallet = "select posted::text, held::text from wallet where org_id = $1";
  const { rows } = await stage.sql.query<{ posted: string; held: string }>(wallet, [orgId]);
  expect(rows[0]?.held).toBe("0");
  const written = await writtenOff(stage, orgId);
  expect(written).toBeLessThanOrEqual(SLICE_TOKENS * OUTPUT_NANO * BigInt(answers.length));
  expect(creditNano - BigInt(rows[0]?.posted ?? 0)).toBe(total - written);
  return events.length;
}
