import { checkCredential, checkRoute, type Outcome, type Probed } from "@/lib/catalog/probe";
import {
  CALL_OFFER,
  conclude,
  noteCheck,
  noteSpent,
  type ProbeDependencies,
  verdictOf,
} from "@/lib/catalog/probe-task";
import { PROVIDER_KINDS } from "@/lib/catalog/provider-kinds";
import { newId } from "@/lib/ids";
import type { Sql } from "@/lib/pg";

// What the worker looks at without being asked. Any number of workers may do it at once: each row is claimed by one.

type Due = Probed & { provider_id: string };
type DueRoute = Due & { target: string; offer_id: string; openings: number };

/** Tests the credentials that their upstream refused, so that one that works again comes back without traffic and without a
 *  person; until then no call uses it. The first look is 30 s after the refusal; each pause is as long as all before it, an hour
 *  at most. Resolves to how many came back. */
export async function recheckCredentials(dependencies: ProbeDependencies): Promise<number> {
  const { rows } = await dependencies.sql.query<Due>(CLAIM_REFUSED, [checkableKinds(dependencies)]);
  const found = await Promise.all(
    rows.map(async (row) => {
      const outcome = await checkCredential(dependencies, row);
      await remember(dependencies.sql, row, "recheck", outcome);
      await conclude(dependencies.sql, row, outcome);
      return outcome.ok;
    }),
  );
  return found.filter(Boolean).length;
}

/** Looks at every credential in use once in 15 minutes: a key that was revoked is found before a call meets it, and what is left
 *  of an account is known. */
export async function checkOnSchedule(dependencies: ProbeDependencies): Promise<number> {
  const { rows } = await dependencies.sql.query<Due>(CLAIM_SCHEDULED, [checkableKinds(dependencies)]);
  await Promise.all(
    rows.map(async (row) => {
      const outcome = await checkCredential(dependencies, row);
      await remember(dependencies.sql, row, "schedule", outcome);
      await conclude(dependencies.sql, row, outcome);
    }),
  );
  return rows.length;
}

/** How long a claimed probe keeps others away; two calls of 10 s fit in. */
const LEASE_MS = 25_000;
/** As lib/gateway/routing/breaker.ts rests. */
const REST_STEP_MS = 5_000;
const MAX_REST_MS = 300_000;

/** Tries the routes whose breakers are open, whose rest is over, and which no call has come to probe since: it costs a few
 *  tokens, and traffic does it for nothing. What works is closed, what does not rests longer; where only the model list could
 *  be asked, the next call decides. Resolves to how many were closed. */
export async function probeOpenRoutes(dependencies: ProbeDependencies): Promise<number> {
  const { sql } = dependencies;
  const { rows } = await sql.query<DueRoute>(FIND_ROUTES);
  const found = await Promise.all(
    rows.map(async (row) => {
      const { rows: claims } = await sql.query<{ wait: number }>("SELECT breaker_claim($1, $2) AS wait", [
        row.target,
        LEASE_MS,
      ]);
      if (claims[0]?.wait !== 0) return false;
      // 0 is also what a claim answers where another worker has closed it since it was found
      const { rows: open } = await sql.query("SELECT FROM breaker WHERE target = $1", [row.target]);
      if (open.length === 0) return false;
      const outcome = await checkRoute(dependencies, row);
      await remember(sql, row, "breaker", outcome);
      await noteCheck(sql, row.provider_id, outcome);
      return concludeRoute(sql, row, outcome);
    }),
  );
  return found.filter(Boolean).length;
}

async function concludeRoute(sql: Sql, row: DueRoute, outcome: Outcome) {
  const { ok, method, failureClass, refusal, error } = outcome;
  if (ok && method === "call") {
    await sql.query("SELECT breaker_set($1, 0, 0, '')", [row.target]);
    return true;
  }
  if (verdictOf(outcome) === false) {
    const openings = row.openings + 1;
    const restMs = Math.min(MAX_REST_MS, REST_STEP_MS * openings);
    await sql.query("SELECT breaker_set($1, $2, $3, $4)", [row.target, restMs, openings, failureClass]);
    return false;
  }
  if (refusal && row.credential_id)
    await sql.query("SELECT disable_credential($1, $2, $3)", [row.credential_id, error ?? "", refusal]);
  await sql.query("SELECT breaker_release($1)", [row.target]);
  return false;
}

/** Into the history that the operator sees. */
async function remember(sql: Sql, row: Due & { offer_id?: string }, origin: string, outcome: Outcome): Promise<void> {
  await noteSpent(sql, row, outcome);
  const kind = row.offer_id ? "probe_route" : "test_credential";
  await sql.query(REMEMBER, [
    ...[newId("probe"), kind, row.provider_id, row.credential_id, row.offer_id ?? null, origin],
    ...[outcome.method, outcome.ok, outcome.failureClass, outcome.latencyMs, outcome.error ?? null],
  ]);
}

const REMEMBER = `
  INSERT INTO provider_probe (id, kind, provider_id, credential_id, offer_id, origin, state, method, ok, failure_class, latency_ms, error, finished_at)
  VALUES ($1, $2, $3, $4, $5, $6, 'done', $7, $8, $9, $10, $11, clock_timestamp())`;

function checkableKinds({ findProvider }: ProbeDependencies): string[] {
  return PROVIDER_KINDS.map(({ id }) => id).filter((kind) => findProvider(kind)?.listModels);
}

const COLUMNS = `provider.id AS provider_id, provider.kind AS provider_kind, provider.base_url, provider.region,
  credential.id AS credential_id, credential.sealed, credential.refusal`;

/** `updated_at` is when it was refused. One whose worker ended while it was looking is looked at again. */
const CLAIM_REFUSED = `
  WITH due AS (
    SELECT credential.id FROM credential JOIN provider ON provider.id = credential.provider_id
    WHERE credential.enabled AND provider.enabled AND provider.kind = ANY ($1)
      AND (credential.status = 'verifying' AND credential.last_tested_at < clock_timestamp() - interval '1 minute'
        OR credential.status = 'disabled' AND greatest(credential.last_tested_at, credential.updated_at)
          + least(greatest(credential.last_tested_at - credential.updated_at, interval '30 seconds'), interval '1 hour')
          <= clock_timestamp())
    ORDER BY credential.last_tested_at NULLS FIRST LIMIT 10
    FOR UPDATE OF credential SKIP LOCKED
  )
  UPDATE credential SET status = 'verifying', last_tested_at = clock_timestamp()
  FROM due, provider WHERE credential.id = due.id AND provider.id = credential.provider_id
  RETURNING ${COLUMNS}, ${CALL_OFFER}`;

/** One that is new has just been tested, or is about to be. */
const CLAIM_SCHEDULED = `
  WITH due AS (
    SELECT credential.id FROM credential JOIN provider ON provider.id = credential.provider_id
    WHERE credential.enabled AND provider.enabled AND provider.kind = ANY ($1) AND credential.status = 'active'
      AND greatest(credential.last_tested_at, credential.updated_at) < clock_timestamp() - interval '15 minutes'
    ORDER BY credential.last_tested_at NULLS FIRST LIMIT 10
    FOR UPDATE OF credential SKIP LOCKED
  )
  UPDATE credential SET last_tested_at = clock_timestamp()
  FROM due, provider WHERE credential.id = due.id AND provider.id = credential.provider_id
  RETURNING ${COLUMNS}, ${CALL_OFFER}`;

/** A breaker's target is an offer with a credential, or an offer alone. Traffic has had its time. */
const FIND_ROUTES = `
  SELECT breaker.target, breaker.openings, offer.id AS offer_id, ${COLUMNS},
    CASE WHEN model.type = 'chat' THEN offer.upstream_model END AS upstream_model, offer.id AS call_offer
  FROM breaker
  JOIN offer ON offer.id = split_part(breaker.target, '/', 1) AND offer.enabled
  JOIN model ON model.id = offer.model_id AND model.enabled
  JOIN provider ON provider.id = offer.provider_id AND provider.enabled
  LEFT JOIN credential ON credential.id = split_part(breaker.target, '/', 2)
  WHERE breaker.openings > 0 AND greatest(breaker.until, breaker.probe_until) < clock_timestamp() - interval '10 seconds'
    AND (split_part(breaker.target, '/', 2) = '' OR credential.enabled AND credential.status = 'active')
  ORDER BY breaker.until LIMIT 10`;
