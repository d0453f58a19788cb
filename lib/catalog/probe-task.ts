import { checkCredential, listModels, type Outcome, type Probed, type ProbeTools } from "@/lib/catalog/probe";
import type { Sql } from "@/lib/pg";

export const PROBE_TASK = "provider_probe";

export type ProbeDependencies = ProbeTools & { sql: Sql };

type Row = Probed & { kind: string; provider_id: string; isTried: boolean };

/** A chat model of a provider, its cheapest route first, and the offer that it is: for a check that must be a call. */
const callOffer = (column: string) => `
  (SELECT offer.${column} FROM offer JOIN model ON model.id = offer.model_id
  WHERE offer.provider_id = provider.id AND offer.enabled AND model.enabled AND model.type = 'chat'
  ORDER BY offer.priority, offer.weight DESC, offer.id LIMIT 1)`;
export const CALL_OFFER = `${callOffer("upstream_model")} AS upstream_model, ${callOffer("id")} AS call_offer`;

/** Runs in the worker: opens the secret, asks the provider and writes the answer into the probe row, where web waits for it. A
 *  credential that works again becomes active, one that is refused goes out of use. Idempotent: a finished or cancelled probe
 *  stays as it is. */
export async function runProbe(dependencies: ProbeDependencies, payload: unknown): Promise<void> {
  const { probeId } = payload as { probeId: string };
  const { sql } = dependencies;
  const { rows } = await sql.query<Row>(FIND, [probeId]);
  const [row] = rows;
  if (!row) return;
  const isTest = row.kind === "test_credential";
  const outcome = await (isTest ? checkCredential : listModels)(dependencies, row);
  await noteSpent(sql, row, outcome);
  // a secret that is only tried says nothing about the one in use; whoever waits for the probe sees the credential as it is now
  if (isTest && !row.isTried) await conclude(sql, row, outcome);
  await sql.query(FINISH, [
    ...[probeId, outcome.ok, outcome.latencyMs, outcome.error ?? null],
    isTest || !outcome.models ? null : JSON.stringify({ models: outcome.models }),
    ...[outcome.method, outcome.failureClass],
  ]);
}

/** What a check says about the credential it was made with, and about the provider's day. One whose account is empty rests until
 *  a later check finds it paid: others go first, and it is called where there is none. */
export async function conclude(
  sql: Sql,
  { provider_id, credential_id, sealed }: Pick<Row, "provider_id" | "credential_id" | "sealed">,
  outcome: Outcome,
): Promise<void> {
  const { ok, error, refusal, balance, isEmpty = false } = outcome;
  if (credential_id) {
    await sql.query(STAMP, [credential_id, ok || isEmpty, error ?? null, refusal ?? null, sealed]);
    if (isEmpty) await sql.query("SELECT breaker_set($1, $2, 0, 'balance')", [credential_id, EMPTY_REST_MS]);
    else if (ok) await sql.query(END_EMPTY_REST, [credential_id]);
    if (balance) await sql.query(KEEP_BALANCE, [credential_id, balance.amount, balance.unit]);
  }
  await noteCheck(sql, provider_id, outcome);
}

/** What the check itself took at the upstream: no tenant's call, so the operator sees it beside the books. */
export async function noteSpent(sql: Sql, { call_offer }: Pick<Row, "call_offer">, { spent }: Outcome): Promise<void> {
  if (spent) await sql.query("SELECT note_check_call($1, $2, $3)", [call_offer, spent.inputTokens, spent.outputTokens]);
}

/** Into the provider's day, where a check says anything about the provider. */
export async function noteCheck(sql: Sql, providerId: string, outcome: Outcome): Promise<void> {
  await sql.query("SELECT note_check($1, $2)", [providerId, verdictOf(outcome)]);
}

/** Whether the upstream is well; null: it says nothing about that. */
export function verdictOf({ ok, isEmpty, failureClass }: Outcome): boolean | null {
  if (ok || isEmpty) return true;
  return failureClass && ["overloaded", "server", "timeout", "network"].includes(failureClass) ? false : null;
}

const FIND = `
  SELECT probe.kind, provider.id AS provider_id, provider.kind AS provider_kind, provider.base_url, provider.region,
    coalesce(credential.id, probe.credential_id) AS credential_id, coalesce(probe.sealed, credential.sealed) AS sealed,
    CASE WHEN probe.sealed IS NULL THEN credential.refusal END AS refusal, probe.sealed IS NOT NULL AS "isTried",
    ${CALL_OFFER}
  FROM provider_probe probe
  JOIN provider ON provider.id = probe.provider_id
  LEFT JOIN LATERAL (
    SELECT id, sealed, refusal FROM credential
    WHERE credential.provider_id = provider.id
      AND (id = probe.credential_id OR probe.credential_id IS NULL AND enabled AND status = 'active')
    ORDER BY weight DESC, id LIMIT 1
  ) credential ON true
  WHERE probe.id = $1 AND probe.state = 'pending'`;

/** Longer than it takes until the next check on schedule. */
const EMPTY_REST_MS = 20 * 60_000;

const END_EMPTY_REST = `SELECT breaker_set(target, 0, 0, '') FROM breaker WHERE target = $1 AND openings = 0 AND reason = 'balance'`;

/** The tried secret is not kept. */
const FINISH = `
  UPDATE provider_probe
  SET state = 'done', ok = $2, latency_ms = $3, error = $4, result = $5::jsonb, method = $6, failure_class = $7, sealed = NULL,
    finished_at = clock_timestamp()
  WHERE id = $1 AND state = 'pending'`;

/** One that waits for another secret is no better for a test, and a secret that was replaced meanwhile was not the one tested.
 *  What was refused for its balance stays so, whatever else is wrong, until somebody has paid. */
const STAMP = `
  UPDATE credential
  SET last_tested_at = clock_timestamp(),
    status = CASE WHEN $2 AND status IN ('disabled', 'verifying') THEN 'active'
      WHEN NOT $2 AND status = 'verifying' OR $4::text IS NOT NULL AND status = 'active' THEN 'disabled' ELSE status END,
    refusal = CASE WHEN $2 THEN NULL WHEN refusal = 'balance' THEN refusal ELSE coalesce($4, refusal) END,
    updated_at = CASE WHEN $4::text IS NOT NULL AND status = 'active' THEN clock_timestamp() ELSE updated_at END,
    status_reason = CASE WHEN status = 'needs_secret' THEN status_reason ELSE $3 END
  WHERE id = $1 AND sealed = $5`;

const KEEP_BALANCE = `
  INSERT INTO credential_health (credential_id, balance, balance_unit, balance_at)
  SELECT id, $2, $3, clock_timestamp() FROM credential WHERE id = $1
  ON CONFLICT (credential_id) DO UPDATE
    SET balance = excluded.balance, balance_unit = excluded.balance_unit, balance_at = excluded.balance_at`;
