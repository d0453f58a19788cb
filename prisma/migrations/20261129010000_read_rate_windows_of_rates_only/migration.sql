-- The windows of the last minute are read for limits that have rates, and no longer for each.
CREATE OR REPLACE FUNCTION load_limits(items authorization_item[], at timestamptz, second bigint) RETURNS limit_view[]
LANGUAGE sql STABLE AS $$
  SELECT array_agg(ROW(l.org_id, l.scope, l.scope_id, l.period, k.rank * 10 + array_position('{rate,day,week,month,total}', l.period),
      l.budget, roll_period(l.spent, l.period_start, l.period, at), l.held, l.max_concurrency, l.inflight,
      l.rpm, l.tpm, coalesce(s.calls, 0), coalesce(s.tokens, 0), period_end(l.period, at))::limit_view)
  FROM (
    SELECT DISTINCT i.org, v.scope, v.scope_id, v.rank
    FROM unnest(items) i
    CROSS JOIN LATERAL (VALUES ('key', i.key, 1), ('app', i.app, 2), ('member', i.member, 3), ('org', i.org, 4)) v(scope, scope_id, rank)
    WHERE i.verdict IS NULL AND v.scope_id IS NOT NULL
  ) k
  CROSS JOIN LATERAL (SELECT * FROM limit_state x WHERE x.org_id = k.org AND x.scope = k.scope AND x.scope_id = k.scope_id OFFSET 0) l
  LEFT JOIN LATERAL (
    -- the current second and the 60 before it: any 60 s lie within
    SELECT sum(calls)::bigint AS calls, sum(tokens)::bigint AS tokens
    FROM limit_slot
    WHERE (l.rpm IS NOT NULL OR l.tpm IS NOT NULL) AND org_id = l.org_id AND scope = l.scope AND scope_id = l.scope_id
      AND sec BETWEEN second - 60 AND second
  ) s ON true
$$;
