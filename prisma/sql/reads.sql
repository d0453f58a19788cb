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

-- What the receipt of a call needs beside its event: the pinned price version, who was tried, and the provider's own words. NULL
-- where the organisation has no such call. Costs and credentials stay the operator's.
CREATE OR REPLACE FUNCTION find_receipt(org text, id text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT jsonb_build_object('held', e.held_nano::text, 'events', jsonb_build_array(to_jsonb(e)) || coalesce(a.event, '[]'),
    'price', (SELECT jsonb_build_object('version', v.id::text, 'since', v.effective_from, 'factor_bp', v.factor_bp, 'rates', v.rates)
      FROM price_version v WHERE v.id = e.price_version_id),
    'attempts', coalesce((SELECT jsonb_agg(jsonb_build_object('provider', t.provider, 'outcome', t.outcome, 'http_status', t.http_status,
      'latency_ms', t.latency_ms) ORDER BY t.n) FROM attempt t WHERE t.request_id = e.id AND t.org_id = e.org_id), '[]'),
    'usage', (SELECT t.usage FROM attempt t WHERE t.request_id = e.id AND t.org_id = e.org_id ORDER BY t.n DESC LIMIT 1))
  FROM usage_event e
  LEFT JOIN LATERAL (SELECT jsonb_build_array(to_jsonb(x)) AS event FROM usage_event x WHERE x.id = 'adj_' || e.id AND x.org_id = e.org_id) a ON true
  WHERE e.org_id = find_receipt.org AND e.id = find_receipt.id AND e.kind = 'call'
$$;

-- What a call with this Idempotency-Key came to; no row where none has run in a day.
CREATE OR REPLACE FUNCTION read_idempotency(org text, key_id text, path text, key text)
RETURNS TABLE (request_id text, state text, response jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT x.request_id, x.state, x.response FROM idempotency x
  WHERE (x.org_id, x.key_id, x.path, x.key) = (read_idempotency.org, read_idempotency.key_id, read_idempotency.path, read_idempotency.key)
    AND x.expires_at > hub_now()
$$;
