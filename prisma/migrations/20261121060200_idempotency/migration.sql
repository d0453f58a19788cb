-- A client's Idempotency-Key, kept a day. Nobody waits for a new table; the functions are replaced between two calls of them.
SET lock_timeout = '5s';

CREATE TABLE "idempotency" (
    "org_id" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "path" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "body_hash" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "response" JSONB,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "idempotency_pkey" PRIMARY KEY ("org_id", "key_id", "path", "key"),
    CONSTRAINT "idempotency_state_check" CHECK ("state" IN ('running', 'done', 'unreplayable'))
);

CREATE INDEX "idempotency_expires_at_idx" ON "idempotency"("expires_at");

-- its answer gets a column
DROP FUNCTION authorize_batch(jsonb, text, bigint, interval);

-- What a client's Idempotency-Key says of undecided items. One that has run answers with its outcome, one that still runs asks to
-- come again; `scope` then names the request that has the key. One of which nothing is left (voided, or swept before it had put
-- anything out) may run anew. The wallet's lock keeps two nodes from passing here at once.
CREATE OR REPLACE FUNCTION check_idempotency(checks authorization_item[], items jsonb, at timestamptz) RETURNS authorization_item[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  i int;
  wanted jsonb;
  known record;
  rule text;
  seen text[] := '{}';
  name text;
BEGIN
  FOR i IN 1..cardinality(checks) LOOP
    wanted := items -> (checks[i].ord - 1) -> 'idempotency';
    CONTINUE WHEN checks[i].verdict IS NOT NULL OR wanted IS NULL;
    name := ROW(checks[i].org, checks[i].key, wanted ->> 'path', wanted ->> 'key')::text;
    SELECT x.body_hash, x.state, x.request_id, h.state AS hold_state, h.units INTO known
    FROM idempotency x LEFT JOIN hold h ON h.id = x.request_id
    WHERE (x.org_id, x.key_id, x.path, x.key) = (checks[i].org, checks[i].key, wanted ->> 'path', wanted ->> 'key') AND x.expires_at > at;
    rule := CASE
      WHEN name = ANY (seen) THEN 'idempotency_in_flight'
      WHEN known IS NULL OR (known.state = 'running' AND (known.hold_state = 'voided' OR (known.hold_state = 'expired' AND known.units = 0))) THEN NULL
      WHEN known.body_hash <> wanted ->> 'hash' THEN 'idempotency_mismatch'
      WHEN known.state = 'done' THEN 'idempotency_replay'
      WHEN known.state = 'running' AND known.hold_state = 'open' THEN 'idempotency_in_flight'
      ELSE 'idempotency_replay_unavailable'
    END;
    seen := seen || name;
    CONTINUE WHEN rule IS NULL;
    checks[i].verdict := 'refused';
    checks[i].refused_by := rule;
    checks[i].scope := known.request_id;
  END LOOP;
  RETURN checks;
END $$;

-- Keeps the Idempotency-Keys of newly granted items for a day.
CREATE OR REPLACE FUNCTION take_idempotency(checks authorization_item[], items jsonb, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE AS $$
  INSERT INTO idempotency AS x (org_id, key_id, path, key, body_hash, request_id, state, expires_at)
  SELECT c.org, c.key, w.wanted ->> 'path', w.wanted ->> 'key', w.wanted ->> 'hash', c.id, 'running', at + interval '24 hours'
  FROM unnest(checks) c CROSS JOIN LATERAL (SELECT items -> (c.ord - 1) -> 'idempotency' AS wanted) w
  WHERE c.verdict = 'granted' AND w.wanted IS NOT NULL
  ON CONFLICT (org_id, key_id, path, key) DO UPDATE SET body_hash = excluded.body_hash, request_id = excluded.request_id,
    state = 'running', response = NULL, expires_at = excluded.expires_at
$$;

-- How much of its rates a key has left after this batch: {rpm, calls, tpm, tokens}, NULL where it has none.
CREATE OR REPLACE FUNCTION key_rates(checks authorization_item[], limits limit_view[]) RETURNS TABLE (org text, key text, rates jsonb)
LANGUAGE sql STABLE SET enable_nestloop = off SET enable_hashjoin = on AS $$
  SELECT l.org, l.scope_id, jsonb_build_object('rpm', l.rpm, 'calls', l.calls + coalesce(t.calls, 0), 'tpm', l.tpm, 'tokens', l.tokens + coalesce(t.tokens, 0))
  FROM unnest(limits) l
  LEFT JOIN (SELECT c.org, c.key, count(*) AS calls, sum(c.tokens)::bigint AS tokens FROM unnest(checks) c WHERE c.verdict = 'granted' GROUP BY 1, 2) t
    ON t.org = l.org AND t.key = l.scope_id
  WHERE l.scope = 'key' AND (l.rpm IS NOT NULL OR l.tpm IS NOT NULL)
$$;

-- Holds up to 500 calls, in the order they came, no id twice. Item: {org, id, key, app, member, model, ctx, input_hash, amount,
-- min_amount, price_version, tokens_estimate, restricted_ok, idempotency?: {key, path, hash}}. A repeated item gets its first answer again.
-- `rates`: {rpm, calls, tpm, tokens} of the key in the last minute, this call included; NULL where the key has no rate limits.
-- `available` is what wallet and budgets leave this call, its own hold included; NULL where nothing bounds it.
-- Plans are made once per connection, maybe while the tables are still empty. The settings and each OFFSET 0 keep them to
-- look-ups by key, whatever the tables grow to.
CREATE OR REPLACE FUNCTION authorize_batch(items jsonb, node text, epoch bigint, ttl interval)
RETURNS TABLE (ord int, granted boolean, amount bigint, refused_by text, scope text, limit_value bigint, used_value bigint,
  reset_at timestamptz, retry_after_ms int, available bigint, skipped boolean, rates jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  orgs text[];
  locked text[];
  at timestamptz;
  second bigint;
  checks authorization_item[];
  walked authorization_item[] := '{}';
  limits limit_view[];
  tight text;
  idempotent boolean;
  rates_by_key jsonb;
BEGIN
  -- Lock first, in a statement of its own, so that the next one sees what is committed. Never waits.
  SELECT array_agg(DISTINCT x ->> 'org') INTO orgs FROM jsonb_array_elements(items) x;
  SELECT array_agg(w.org_id) INTO locked FROM (
    SELECT org_id FROM wallet WHERE org_id = ANY (orgs) ORDER BY org_id FOR NO KEY UPDATE SKIP LOCKED
  ) w;
  at := hub_now();
  second := floor(extract(epoch FROM at));
  PERFORM expire_lots(w.org_id, at) FROM wallet w WHERE w.org_id = ANY (locked) AND w.next_expiry_at <= at;

  SELECT array_agg(ROW(i.ordinality, i.org, i.id, i.key, i.app, i.member, i.model, i.ctx, i.input_hash,
      i.amount, least(i.min_amount, i.amount), i.price_version, coalesce(i.tokens_estimate, 0), coalesce(i.restricted_ok, false),
      w.posted - w.held - w.floor - CASE WHEN i.restricted_ok THEN 0 ELSE w.restricted END,
      CASE
        WHEN w.org_id IS NULL THEN 'refused'
        WHEN cardinality(locked) IS DISTINCT FROM cardinality(orgs) AND i.org <> ALL (coalesce(locked, '{}')) THEN 'skipped'
        WHEN h.id IS NOT NULL THEN CASE WHEN h.state = 'open' AND h.org_id = i.org AND h.input_hash = i.input_hash THEN 'held' ELSE 'refused' END
        WHEN k.id IS NULL OR k.org_id <> i.org OR k.status <> 'active' OR k.expires_at <= at
          OR o.status IS DISTINCT FROM 'active' OR w.status <> 'active' THEN 'refused'
      END,
      h.amount,
      CASE
        WHEN w.org_id IS NULL THEN 'no_wallet'
        WHEN h.id IS NOT NULL THEN CASE
          WHEN h.org_id NOT IN ('', i.org) OR (h.input_hash <> i.input_hash AND h.org_id <> '') THEN 'idempotency_mismatch'
          WHEN h.state <> 'open' THEN 'voided' END
        WHEN k.id IS NULL OR k.org_id <> i.org OR k.status = 'revoked' THEN 'key_revoked'
        WHEN k.status = 'disabled' THEN 'key_disabled'
        WHEN k.expires_at <= at THEN 'key_expired'
        WHEN o.status IS DISTINCT FROM 'active' THEN 'org_suspended'
        WHEN w.status <> 'active' THEN 'wallet_frozen'
      END,
      NULL, NULL, NULL, NULL, NULL, w.posted - w.held - w.floor + coalesce(h.amount, 0))::authorization_item)
  INTO checks
  FROM ROWS FROM (jsonb_to_recordset(items) AS (org text, id text, key text, app text, member text, model text, ctx jsonb,
    input_hash text, amount bigint, min_amount bigint, price_version bigint, tokens_estimate bigint, restricted_ok boolean)) WITH ORDINALITY i
  LEFT JOIN wallet w ON w.org_id = i.org
  LEFT JOIN LATERAL (SELECT * FROM hold x WHERE x.id = i.id OFFSET 0) h ON true
  LEFT JOIN api_key k ON k.id = i.key
  LEFT JOIN org o ON o.id = i.org;

  idempotent := EXISTS (SELECT FROM jsonb_array_elements(items) x WHERE x ? 'idempotency');
  IF idempotent THEN
    checks := check_idempotency(checks, items, at);
  END IF;
  IF EXISTS (SELECT FROM unnest(locked) l(org) WHERE EXISTS (SELECT FROM limit_state s WHERE s.org_id = l.org)) THEN
    limits := load_limits(checks, at, second);
  END IF;
  checks := grant_where_all_fit(checks, limits);
  FOR tight IN SELECT DISTINCT c.org FROM unnest(checks) c WHERE c.verdict IS NULL LOOP
    walked := walked || grant_one_by_one(ARRAY(SELECT c FROM unnest(checks) c WHERE c.org = tight AND c.verdict IS NULL), limits, at);
  END LOOP;
  IF cardinality(walked) > 0 THEN
    checks := ARRAY(SELECT c FROM unnest(checks) c WHERE c.verdict IS NOT NULL) || walked;
  END IF;

  WITH new AS MATERIALIZED (SELECT * FROM unnest(checks) WHERE verdict = 'granted'),
  held AS (
    INSERT INTO hold (id, org_id, key_id, app_id, member_id, model_id, input_hash, amount, restricted_ok, price_version_id,
      node, epoch, ctx, tpm_reserved, sec, created_at, expires_at)
    SELECT n.id, n.org, n.key, n.app, n.member, n.model, n.input_hash, n.amount, n.restricted_ok, n.price_version,
      authorize_batch.node, authorize_batch.epoch, coalesce(n.ctx, '{}'), n.tokens, second, at, at + ttl
    FROM new n ORDER BY n.id
  )
  UPDATE wallet w SET held = w.held + s.amount, version = w.version + 1
  FROM (SELECT n.org, sum(n.amount)::bigint AS amount FROM new n GROUP BY n.org) s WHERE w.org_id = s.org;
  IF limits IS NOT NULL THEN
    PERFORM take_limits(checks, at, second);
  END IF;

  IF idempotent THEN
    PERFORM take_idempotency(checks, items, at);
  END IF;

  IF EXISTS (SELECT FROM unnest(limits) l WHERE l.rpm IS NOT NULL OR l.tpm IS NOT NULL) THEN
    rates_by_key := (SELECT jsonb_object_agg(r.org || '/' || r.key, r.rates) FROM key_rates(checks, limits) r);
  END IF;
  RETURN QUERY SELECT c.ord, c.verdict IN ('granted', 'held'), c.amount, c.refused_by, c.scope, c.limit_value, c.used_value,
    c.reset_at, c.retry_after_ms, c.available, c.verdict = 'skipped', rates_by_key -> (c.org || '/' || c.key)
  FROM unnest(checks) c ORDER BY c.ord;
END $$;

-- What calls with an Idempotency-Key came to, for those who ask again: done with its answer, unreplayable, or failed, which frees the key.
CREATE OR REPLACE FUNCTION keep_answers(items jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  WITH ended AS MATERIALIZED (
    SELECT h.org_id, h.key_id, i.id, i.idempotency AS said
    FROM jsonb_to_recordset(items) AS i(org text, id text, idempotency jsonb) JOIN hold h ON h.id = i.id AND h.org_id = i.org
    WHERE i.idempotency IS NOT NULL
  ), freed AS (
    DELETE FROM idempotency x USING ended e
    WHERE e.said ->> 'state' = 'failed' AND (x.org_id, x.key_id, x.path, x.key) = (e.org_id, e.key_id, e.said ->> 'path', e.said ->> 'key')
      AND x.request_id = e.id
  )
  UPDATE idempotency x SET state = e.said ->> 'state', response = e.said -> 'response'
  FROM ended e
  WHERE e.said ->> 'state' <> 'failed' AND (x.org_id, x.key_id, x.path, x.key) = (e.org_id, e.key_id, e.said ->> 'path', e.said ->> 'key')
    AND x.request_id = e.id;
END $$;

-- Settles up to 500 calls, no id twice. Holds that are not open any more are left alone (`applied` false, `prior_state` says why;
-- `missing`: no such hold, never charged). Exactly once comes from the hold's state, so the epoch does not matter here:
-- a new boot replays what its previous life left in the spool. Price NULL: unpriced.
CREATE OR REPLACE FUNCTION settle_batch(items jsonb, node text, epoch bigint)
RETURNS TABLE (ord int, id text, applied boolean, prior_state text, skipped boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  orgs text[];
  locked text[];
  partial boolean;
  at timestamptz;
  settlements settlement[];
BEGIN
  SELECT array_agg(DISTINCT x ->> 'org') INTO orgs FROM jsonb_array_elements(items) x;
  SELECT array_agg(w.org_id) INTO locked FROM (
    SELECT org_id FROM wallet WHERE org_id = ANY (orgs) ORDER BY org_id FOR NO KEY UPDATE SKIP LOCKED
  ) w;
  partial := cardinality(locked) IS DISTINCT FROM cardinality(orgs);
  at := hub_now();

  SELECT array_agg(ROW(i.ordinality, i.org, i.id, h.state, h.key_id, h.app_id, h.member_id, h.model_id,
      coalesce(h.ctx ->> 'endpoint', ''), coalesce(h.ctx ->> 'dialect', ''), coalesce((h.ctx ->> 'stream')::boolean, false), h.created_at, h.amount,
      h.restricted_ok, h.tpm_reserved, h.sec, h.price_version_id, i.outcome, i.http_status, i.price, i.cost, coalesce(i.waste, 0),
      coalesce(i.usage, '{}'), coalesce(i.usage_source, 'unknown'), i.provider, i.upstream_model, i.credential, i.route, i.upstream_id,
      i.finish_reason, i.latency_ms, i.first_token_ms, coalesce(i.client_retry, (h.ctx ->> 'client_retry')::int), i.attempts, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::settlement)
  INTO settlements
  FROM ROWS FROM (jsonb_to_recordset(items) AS (org text, id text, outcome text, http_status int, price bigint, cost bigint, waste bigint,
    usage jsonb, usage_source text, provider text, upstream_model text, credential text, route text, upstream_id text, finish_reason text,
    latency_ms int, first_token_ms int, client_retry int, attempts jsonb)) WITH ORDINALITY i
  LEFT JOIN LATERAL (SELECT * FROM hold x WHERE x.id = i.id AND x.org_id = i.org OFFSET 0) h ON true -- see authorize_batch
  WHERE NOT partial OR i.org = ANY (locked);

  IF EXISTS (SELECT FROM unnest(settlements) s WHERE s.state = 'open') THEN
    PERFORM post_settlements(ARRAY(
      SELECT ROW(s.ord, s.org, s.id, 'captured', s.key, s.app, s.member, s.model, s.endpoint, s.dialect, s.stream, s.started_at, s.held,
        s.restricted_ok, s.tpm_reserved, s.sec, s.price_version, s.outcome, s.http_status, s.price, s.cost, s.waste, s.usage, s.usage_source,
        s.provider, s.upstream_model, s.credential, s.route, s.upstream_id, s.finish_reason, s.latency_ms, s.first_token_ms, s.client_retry,
        s.attempts, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::settlement
      FROM unnest(settlements) s WHERE s.state = 'open'), at, settle_batch.node);
  END IF;
  IF EXISTS (SELECT FROM jsonb_array_elements(items) x WHERE x ? 'idempotency') THEN
    PERFORM keep_answers((SELECT jsonb_agg(x) FROM jsonb_array_elements(items) x
      WHERE x ? 'idempotency' AND (NOT partial OR x ->> 'org' = ANY (locked))));
  END IF;

  RETURN QUERY
    SELECT s.ord, s.id, s.state IS NOT DISTINCT FROM 'open', coalesce(s.state, 'missing'), false FROM unnest(settlements) s
    UNION ALL
    SELECT x.ordinality::int, x.value ->> 'id', false, NULL, true FROM jsonb_array_elements(items) WITH ORDINALITY x
    WHERE partial AND x.value ->> 'org' <> ALL (coalesce(locked, '{}')) AND EXISTS (SELECT FROM wallet w WHERE w.org_id = x.value ->> 'org')
    UNION ALL
    SELECT x.ordinality::int, x.value ->> 'id', false, 'missing', false FROM jsonb_array_elements(items) WITH ORDINALITY x
    WHERE partial AND NOT EXISTS (SELECT FROM wallet w WHERE w.org_id = x.value ->> 'org')
    ORDER BY 1;
END $$;

-- What a call with this Idempotency-Key came to; no row where none has run in a day.
CREATE OR REPLACE FUNCTION read_idempotency(org text, key_id text, path text, key text)
RETURNS TABLE (request_id text, state text, response jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT x.request_id, x.state, x.response FROM idempotency x
  WHERE (x.org_id, x.key_id, x.path, x.key) = (read_idempotency.org, read_idempotency.key_id, read_idempotency.path, read_idempotency.key)
    AND x.expires_at > hub_now()
$$;
