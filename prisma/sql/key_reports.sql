-- What a key may read of its organisation's money: its own limits and usage, the balance, and the receipt of a call.

-- Whether a call of the organisation is still running or not settled yet, by its id or by the upstream's.
CREATE OR REPLACE FUNCTION is_call_open(org text, ids text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT EXISTS (SELECT FROM hold h WHERE h.org_id = is_call_open.org AND h.state = 'open'
    AND (h.id = ANY (ids) OR h.ctx ->> 'upstream_id' = ANY (ids)))
$$;

-- A key with its budgets as they stand now, its rates and what it has spent so far. Amounts are texts of nano-USD.
CREATE OR REPLACE FUNCTION key_summary(org text, key text) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT jsonb_build_object(
    'label', k.name,
    'expires_at', k.expires_at,
    'usage', (SELECT coalesce(sum(r.price_paid + r.price_promo), 0)::text FROM usage_rollup r WHERE r.org_id = k.org_id AND r.key_id = k.id),
    'rpm', (SELECT l.rpm FROM limit_state l WHERE l.org_id = k.org_id AND l.scope = 'key' AND l.scope_id = k.id AND l.period = 'rate'),
    'budgets', coalesce((
      SELECT jsonb_agg(jsonb_build_object('budget', l.budget::text, 'held', l.held::text, 'reset_at', period_end(l.period, t.at),
        'spent', roll_period(l.spent, l.period_start, period_begin(l.period, t.at))::text))
      FROM limit_state l WHERE l.org_id = k.org_id AND l.scope = 'key' AND l.scope_id = k.id AND l.budget IS NOT NULL), '[]'))
  FROM api_key k, (SELECT hub_now() AS at) t
  WHERE k.org_id = key_summary.org AND k.id = key_summary.key
$$;

-- An organisation's balance with everything it was ever charged. Nano-USD.
CREATE OR REPLACE FUNCTION credit_summary(org text) RETURNS TABLE (posted bigint, held bigint, floor bigint, used bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT w.posted, w.held, w.floor,
    (SELECT coalesce(sum(r.price_paid + r.price_promo), 0)::bigint FROM usage_rollup r WHERE r.org_id = w.org_id)
  FROM wallet w WHERE w.org_id = credit_summary.org
$$;

-- A key's usage from `since` (inclusive) to `until` (exclusive) by UTC day, hour or model, ascending, after the group `after`.
-- Tokens in are inclusive of cached ones, tokens out of reasoning.
CREATE OR REPLACE FUNCTION key_usage(org text, key text, since timestamptz, until timestamptz, group_by text, after text, take int)
RETURNS TABLE (name text, calls bigint, input bigint, output bigint, cached bigint, reasoning bigint, price bigint, unpriced bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT g.name, sum(r.calls)::bigint,
    sum(r.input_tokens + r.cache_read_tokens + r.cache_write_tokens + r.cache_write_1h_tokens + r.audio_input_tokens + r.image_input_tokens
      + r.video_input_tokens)::bigint,
    sum(r.output_tokens + r.reasoning_tokens + r.audio_output_tokens + r.image_output_tokens)::bigint,
    sum(r.cache_read_tokens)::bigint, sum(r.reasoning_tokens)::bigint, sum(r.price_paid + r.price_promo)::bigint, sum(r.unpriced)::bigint
  FROM usage_rollup r
  CROSS JOIN LATERAL (SELECT CASE group_by WHEN 'model' THEN r.model_id
    WHEN 'hour' THEN to_char(r.bucket AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00:00"Z"') ELSE to_char(r.bucket AT TIME ZONE 'UTC', 'YYYY-MM-DD') END AS name) g
  WHERE r.org_id = key_usage.org AND r.key_id = key_usage.key AND r.bucket >= since AND r.bucket < until AND (key_usage.after IS NULL OR g.name > key_usage.after)
  GROUP BY g.name ORDER BY g.name LIMIT take
$$;
