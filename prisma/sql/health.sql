-- How routes do: counted by each gateway in memory, added up here every few seconds. Nothing in here is money.

-- Adds histograms of 24 buckets over rows.
CREATE OR REPLACE AGGREGATE sum_histogram(bigint[]) (
  SFUNC = add_histogram, STYPE = bigint[], INITCOND = '{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}', PARALLEL = SAFE
);

-- Adds what a gateway counted since it last told: attempts by route into minutes, into the day of the provider and of the model,
-- and what each credential did last. A day's provider counts attempts that say something about the upstream; its model counts
-- calls, which failover may have saved. `ok`, `failed`, `limited`, `refused` and `neutral` are attempts, `served` and `unserved` calls.
CREATE OR REPLACE FUNCTION note_routes(items jsonb, node text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  at timestamptz := hub_now();
  today date := (hub_now() AT TIME ZONE 'UTC')::date;
BEGIN
  INSERT INTO route_minute AS r (minute, offer_id, credential_id, node, ok, failed, limited, refused, neutral, served, unserved,
    output_tokens, generation_ms, latency_histogram, first_token_histogram)
  SELECT date_trunc('minute', at), i.offer, coalesce(i.credential, ''), note_routes.node, i.ok, i.failed, i.limited, i.refused, i.neutral,
    i.served, i.unserved, i.output_tokens, i.generation_ms, i.latency, i.first_token
  FROM jsonb_to_recordset(items) AS i(offer text, credential text, ok int, failed int, limited int, refused int, neutral int,
    served int, unserved int, output_tokens bigint, generation_ms bigint, latency bigint[], first_token bigint[])
  ORDER BY i.offer, i.credential
  ON CONFLICT (minute, offer_id, credential_id, node) DO UPDATE SET
    ok = r.ok + excluded.ok, failed = r.failed + excluded.failed, limited = r.limited + excluded.limited,
    refused = r.refused + excluded.refused, neutral = r.neutral + excluded.neutral,
    served = r.served + excluded.served, unserved = r.unserved + excluded.unserved,
    output_tokens = r.output_tokens + excluded.output_tokens, generation_ms = r.generation_ms + excluded.generation_ms,
    latency_histogram = add_histogram(r.latency_histogram, excluded.latency_histogram),
    first_token_histogram = add_histogram(r.first_token_histogram, excluded.first_token_histogram);

  INSERT INTO service_day AS d (subject, subject_id, day, ok, failed, first_token_histogram)
  SELECT v.subject, v.id, today, sum(v.ok), sum(v.failed), sum_histogram(i.first_token)
  FROM jsonb_to_recordset(items) AS i(offer text, ok int, failed int, served int, unserved int, first_token bigint[])
  JOIN offer o ON o.id = i.offer
  CROSS JOIN LATERAL (VALUES ('provider', o.provider_id, i.ok, i.failed), ('model', o.model_id, i.served, i.unserved)) v(subject, id, ok, failed)
  GROUP BY 1, 2 HAVING sum(v.ok) + sum(v.failed) > 0
  ORDER BY 1, 2
  ON CONFLICT (subject, subject_id, day) DO UPDATE SET ok = d.ok + excluded.ok, failed = d.failed + excluded.failed,
    first_token_histogram = add_histogram(d.first_token_histogram, excluded.first_token_histogram);

  INSERT INTO credential_health AS h (credential_id, last_used_at, last_error_at, last_error_class)
  SELECT c.id, at, CASE WHEN max(i.error) IS NOT NULL THEN at END, max(i.error)
  FROM jsonb_to_recordset(items) AS i(credential text, error text) JOIN credential c ON c.id = i.credential
  GROUP BY 1 ORDER BY 1
  ON CONFLICT (credential_id) DO UPDATE SET last_used_at = excluded.last_used_at,
    last_error_at = coalesce(excluded.last_error_at, h.last_error_at),
    last_error_class = coalesce(excluded.last_error_class, h.last_error_class);
END $$;

-- A check of the worker's counts for the day of its provider as a call would. `ok` NULL: it told nothing about the upstream.
CREATE OR REPLACE FUNCTION note_check(provider text, ok boolean) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO service_day AS d (subject, subject_id, day, ok, failed, first_token_histogram)
  SELECT 'provider', note_check.provider, (hub_now() AT TIME ZONE 'UTC')::date, note_check.ok::int, (NOT note_check.ok)::int,
    array_fill(0::bigint, ARRAY[24])
  WHERE note_check.ok IS NOT NULL
  ON CONFLICT (subject, subject_id, day) DO UPDATE SET ok = d.ok + excluded.ok, failed = d.failed + excluded.failed
$$;

-- One call that a check made by an offer, and what it used.
CREATE OR REPLACE FUNCTION note_check_call(offer text, input_tokens bigint, output_tokens bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO check_day AS d (offer_id, day, calls, input_tokens, output_tokens)
  VALUES (note_check_call.offer, (hub_now() AT TIME ZONE 'UTC')::date, 1, note_check_call.input_tokens, note_check_call.output_tokens)
  ON CONFLICT (offer_id, day) DO UPDATE SET calls = d.calls + 1, input_tokens = d.input_tokens + excluded.input_tokens,
    output_tokens = d.output_tokens + excluded.output_tokens
$$;

-- Caps of credentials, approximate: each gateway says each second what it used of a capped credential in this minute and the one
-- before, and hears what the others did. Answered is the use of the others within the last 60 s, the minute before counted by the
-- part of it that still lies within.
CREATE OR REPLACE FUNCTION sync_credential_use(items jsonb, node text)
RETURNS TABLE (credential text, calls float8, tokens float8)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  at float8 := extract(epoch FROM hub_now());
  now_minute bigint := floor(extract(epoch FROM hub_now()) / 60);
BEGIN
  INSERT INTO credential_use AS u (credential_id, node, minute, calls, tokens)
  SELECT i.credential, sync_credential_use.node, now_minute, i.calls, i.tokens
  FROM jsonb_to_recordset(items) AS i(credential text, calls bigint, tokens bigint)
  WHERE i.calls > 0 OR i.tokens > 0
  ORDER BY i.credential
  ON CONFLICT (credential_id, node, minute) DO UPDATE SET calls = u.calls + excluded.calls, tokens = u.tokens + excluded.tokens;
  RETURN QUERY
    SELECT i.credential, sum(u.calls * share.of_it)::float8, sum(u.tokens * share.of_it)::float8
    FROM jsonb_to_recordset(items) AS i(credential text)
    JOIN credential_use u ON u.credential_id = i.credential AND u.minute >= now_minute - 1 AND u.node <> sync_credential_use.node
    CROSS JOIN LATERAL (SELECT CASE WHEN u.minute = now_minute THEN 1 ELSE 1 - (at / 60 - now_minute) END AS of_it) share
    GROUP BY 1;
END $$;

-- Keeps the history of health bounded: minutes for two hours, days for 90, the last 50 checks of each credential for a week.
CREATE OR REPLACE FUNCTION prune_health() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM route_minute WHERE minute < hub_now() - interval '2 hours';
  DELETE FROM credential_use WHERE minute < floor(extract(epoch FROM hub_now()) / 60) - 2;
  DELETE FROM service_day WHERE day < (hub_now() AT TIME ZONE 'UTC')::date - 90;
  DELETE FROM check_day WHERE day < (hub_now() AT TIME ZONE 'UTC')::date - 90;
  DELETE FROM incident WHERE ended_at < hub_now() - interval '90 days';
  DELETE FROM provider_probe WHERE created_at < hub_now() - CASE kind WHEN 'list_models' THEN interval '1 day' ELSE interval '7 days' END;
  DELETE FROM provider_probe p USING (
    SELECT id, row_number() OVER (PARTITION BY provider_id, credential_id, kind ORDER BY created_at DESC) AS place FROM provider_probe
  ) q WHERE p.id = q.id AND q.place > 50;
END $$;

-- What waits in the job queue, by task; `failed` is tried no more by itself.
CREATE OR REPLACE FUNCTION queue_summary()
RETURNS TABLE (task text, waiting bigint, running bigint, failed bigint, oldest_at timestamptz, last_error text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT t.identifier::text, count(*) FILTER (WHERE j.locked_at IS NULL AND j.attempts < j.max_attempts),
    count(*) FILTER (WHERE j.locked_at IS NOT NULL), count(*) FILTER (WHERE j.locked_at IS NULL AND j.attempts >= j.max_attempts),
    min(j.run_at) FILTER (WHERE j.locked_at IS NULL AND j.attempts < j.max_attempts),
    left((array_agg(j.last_error ORDER BY j.updated_at DESC) FILTER (WHERE j.last_error IS NOT NULL))[1], 300)
  FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id
  GROUP BY 1 ORDER BY 1;
END $$;

-- Lets what failed for good be tried again; the number of jobs.
CREATE OR REPLACE FUNCTION retry_failed_jobs() RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  amount int;
BEGIN
  UPDATE graphile_worker._private_jobs SET attempts = 0, run_at = clock_timestamp() WHERE locked_at IS NULL AND attempts >= max_attempts;
  GET DIAGNOSTICS amount = ROW_COUNT;
  RETURN amount;
END $$;

-- What pages and the worker judge services by. A route is an enabled offer with a credential; kinds that need none have one without.
CREATE OR REPLACE FUNCTION services_now() RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
WITH live AS (
  SELECT offer.id AS offer, offer.model_id AS model, offer.provider_id AS provider, provider.kind
  FROM offer JOIN model ON model.id = offer.model_id AND model.enabled JOIN provider ON provider.id = offer.provider_id AND provider.enabled
  WHERE offer.enabled
), route AS (
  SELECT live.provider, live.model, live.offer,
    CASE WHEN credential.id IS NULL THEN live.kind IN ('sandbox', 'ollama') ELSE credential.enabled AND credential.status = 'active' END AS usable,
    coalesce(breaker.openings > 0, false) AS open
  FROM live LEFT JOIN credential ON credential.provider_id = live.provider
  LEFT JOIN breaker ON breaker.target = live.offer || '/' || coalesce(credential.id, '')
)
SELECT json_build_object(
  'services', (SELECT json_agg(json_build_object('subject', subject, 'id', id, 'name', name) ORDER BY subject DESC, name, id) FROM (
    SELECT 'provider' AS subject, id, display_name AS name FROM provider WHERE id IN (SELECT provider FROM live)
    UNION ALL SELECT 'model', id, coalesce(display_name, id) FROM model WHERE id IN (SELECT model FROM live)) s),
  'routes', (SELECT json_agg(route) FROM route),
  'recent', (SELECT json_agg(r) FROM (
    SELECT offer_id AS offer, coalesce(sum(ok) FILTER (WHERE late), 0) AS ok, coalesce(sum(failed) FILTER (WHERE late), 0) AS failed,
      coalesce(sum(served) FILTER (WHERE late), 0) AS served, coalesce(sum(unserved) FILTER (WHERE late), 0) AS unserved,
      sum(ok) AS "hourOk", sum(served) AS "hourServed"
    FROM route_minute CROSS JOIN LATERAL (SELECT minute > clock_timestamp() - interval '5 minutes' AS late) l
    WHERE minute > clock_timestamp() - interval '1 hour' GROUP BY 1) r),
  'checks', (SELECT json_agg(c) FROM (
    SELECT DISTINCT ON (provider_id) provider_id AS provider, ok OR failure_class IS NULL OR failure_class IN ('auth', 'rate_limited') AS ok
    FROM provider_probe WHERE state = 'done' AND failure_class IS DISTINCT FROM 'unverified' AND finished_at > clock_timestamp() - interval '30 minutes'
    ORDER BY provider_id, finished_at DESC) c)
)
$$;
