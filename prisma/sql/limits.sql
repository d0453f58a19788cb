-- Sets limits of one scope (limit_scopes): {day, week, month, total: nano-USD budgets; cap: a budget of the day beside the others, in place of
-- `day`; rpm, tpm, maxConcurrency}. A key that is absent stays as it is, null removes it. Binds from the next statement. New rows start with what is held, running and spent already.
CREATE OR REPLACE FUNCTION set_limits(org text, scope text, scope_id text, limits jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  at timestamptz;
  budget_period text;
  start timestamptz;
  caps boolean := limits ? 'cap';
BEGIN
  PERFORM FROM wallet WHERE org_id = org FOR NO KEY UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'organisation % has no wallet', org USING ERRCODE = 'no_data_found'; END IF;
  IF set_limits.scope IN ('org', 'self') AND set_limits.scope_id <> org THEN
    RAISE EXCEPTION 'the % scope of % is itself', set_limits.scope, org USING ERRCODE = 'invalid_parameter_value';
  END IF;
  at := hub_now();
  IF caps THEN limits := limits || jsonb_build_object('day', limits -> 'cap'); END IF;
  FOREACH budget_period IN ARRAY '{day,week,month,total}'::text[] LOOP
    CONTINUE WHEN NOT limits ? budget_period;
    IF limits ->> budget_period IS NULL THEN
      DELETE FROM limit_state l WHERE l.org_id = org AND l.scope = set_limits.scope AND l.scope_id = set_limits.scope_id AND l.period = budget_period;
      CONTINUE;
    END IF;
    start := period_begin(budget_period, at);
    INSERT INTO limit_state AS l (org_id, scope, scope_id, period, is_cap, budget, period_start, spent, held)
    SELECT org, set_limits.scope, set_limits.scope_id, budget_period, caps AND budget_period = 'day', (limits ->> budget_period)::bigint, start,
      -- periods begin on a rollup's bucket, so the rollup knows their sum exactly
      (SELECT coalesce(sum(r.price_paid + r.price_promo), 0) FROM usage_rollup r
       WHERE r.org_id = org AND (start IS NULL OR r.bucket >= start)
         AND set_limits.scope_id = CASE set_limits.scope WHEN 'key' THEN r.key_id WHEN 'app' THEN r.app_id WHEN 'member' THEN r.member_id ELSE r.org_id END),
      (SELECT coalesce(sum(h.amount), 0) FROM hold h
       WHERE h.org_id = org AND h.state = 'open'
         AND set_limits.scope_id = CASE set_limits.scope WHEN 'key' THEN h.key_id WHEN 'app' THEN h.app_id WHEN 'member' THEN h.member_id ELSE h.org_id END)
    ON CONFLICT (org_id, scope, scope_id, period) DO UPDATE SET budget = excluded.budget, is_cap = excluded.is_cap;
  END LOOP;
  IF limits ?| '{rpm,tpm,maxConcurrency}' THEN
    INSERT INTO limit_state AS l (org_id, scope, scope_id, period, rpm, tpm, max_concurrency, inflight)
    SELECT org, set_limits.scope, set_limits.scope_id, 'rate', (limits ->> 'rpm')::int, (limits ->> 'tpm')::bigint, (limits ->> 'maxConcurrency')::int,
      (SELECT count(*) FROM hold h
       WHERE h.org_id = org AND h.state = 'open'
         AND set_limits.scope_id = CASE set_limits.scope WHEN 'key' THEN h.key_id WHEN 'app' THEN h.app_id WHEN 'member' THEN h.member_id ELSE h.org_id END)
    ON CONFLICT (org_id, scope, scope_id, period) DO UPDATE SET
      rpm = CASE WHEN limits ? 'rpm' THEN excluded.rpm ELSE l.rpm END,
      tpm = CASE WHEN limits ? 'tpm' THEN excluded.tpm ELSE l.tpm END,
      max_concurrency = CASE WHEN limits ? 'maxConcurrency' THEN excluded.max_concurrency ELSE l.max_concurrency END;
    DELETE FROM limit_state l WHERE l.org_id = org AND l.scope = set_limits.scope AND l.scope_id = set_limits.scope_id AND l.period = 'rate'
      AND l.rpm IS NULL AND l.tpm IS NULL AND l.max_concurrency IS NULL;
  END IF;
END $$;

-- The daily cap that keys have of themselves in service mode goes from `before` to `after` (nano-USD, NULL: none): keys that have the
-- old one follow, those with another keep it. Where there was none, every app key without a budget of the day gets it, with what is
-- held and spent already. Returns how many.
CREATE OR REPLACE FUNCTION change_default_cap(before bigint, after bigint) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  today timestamptz;
  changed int := 0;
BEGIN
  PERFORM FROM wallet ORDER BY org_id FOR NO KEY UPDATE;
  today := period_begin('day', hub_now());
  IF before IS NOT NULL AND after IS NULL THEN
    DELETE FROM limit_state l WHERE l.is_cap AND l.scope = 'key' AND l.budget = before;
  ELSIF before IS NOT NULL THEN
    UPDATE limit_state l SET budget = after WHERE l.is_cap AND l.scope = 'key' AND l.budget = before;
  ELSIF after IS NOT NULL THEN
    INSERT INTO limit_state (org_id, scope, scope_id, period, is_cap, budget, period_start, spent, held)
    SELECT k.org_id, 'key', k.id, 'day', true, after, today, coalesce(r.spent, 0), coalesce(h.held, 0)
    FROM api_key k JOIN wallet w ON w.org_id = k.org_id AND w.floor IS NOT NULL
    LEFT JOIN (SELECT org_id, key_id, sum(price_paid + price_promo) AS spent FROM usage_rollup WHERE bucket >= today GROUP BY 1, 2) r
      ON r.org_id = k.org_id AND r.key_id = k.id
    LEFT JOIN (SELECT org_id, key_id, sum(amount) AS held FROM hold WHERE state = 'open' GROUP BY 1, 2) h ON h.org_id = k.org_id AND h.key_id = k.id
    WHERE k.kind = 'app' AND k.status <> 'revoked'
    ON CONFLICT (org_id, scope, scope_id, period) DO NOTHING;
  END IF;
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END $$;
