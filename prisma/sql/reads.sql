-- What the gateway may read of money: one organisation at a time.

-- The usage event of a request, by its id or by the upstream's (then the newest), with its late adjustment if there is one.
CREATE OR REPLACE FUNCTION find_usage(org text, id text) RETURNS SETOF usage_event
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH call AS (
    SELECT e.id FROM usage_event e
    WHERE e.org_id = find_usage.org AND (e.id = find_usage.id OR e.upstream_id = find_usage.id) AND e.kind = 'call'
    ORDER BY e.id = find_usage.id DESC, e.at DESC LIMIT 1
  )
  SELECT e.* FROM call c JOIN usage_event e ON e.id IN (c.id, 'adj_' || c.id) WHERE e.org_id = find_usage.org ORDER BY e.at
$$;

-- What a call with this Idempotency-Key came to; no row where none has run in a day.
CREATE OR REPLACE FUNCTION read_idempotency(org text, key_id text, path text, key text)
RETURNS TABLE (request_id text, state text, response jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT x.request_id, x.state, x.response FROM idempotency x
  WHERE (x.org_id, x.key_id, x.path, x.key) = (read_idempotency.org, read_idempotency.key_id, read_idempotency.path, read_idempotency.key)
    AND x.expires_at > hub_now()
$$;
