-- The default cap of keys reaches all keys by one statement, as every wallet is locked meanwhile. A function only.
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
