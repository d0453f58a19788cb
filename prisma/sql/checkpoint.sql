-- Progress of running calls: what the sweeper would charge if the node died now, renewal, and extension of holds.
-- Item: {org, id, attempt, usage, units, accrued, accrued_cost, want_amount?, ctx?}; `want_amount` is the whole hold wished for, so that a
-- repeated item asks for nothing more. What fits is granted (compare `amount`); refused_by is set where nothing more fits.
-- `state` other than open (closed, missing, or stale: another boot owns the hold) tells the caller to abort upstream.
CREATE OR REPLACE FUNCTION checkpoint_batch(items jsonb, node text, epoch bigint)
RETURNS TABLE (ord int, state text, amount bigint, refused_by text, available bigint, skipped boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  orgs text[];
  locked text[];
  partial boolean;
  fenced boolean;
  at timestamptz;
  wish record;
  room bigint;
  budget_room bigint;
  wallet_status text;
  more bigint;
  answers jsonb := '{}'; -- ord -> {refused_by, available} of extensions
BEGIN
  SELECT array_agg(DISTINCT x ->> 'org') INTO orgs FROM jsonb_array_elements(items) x;
  SELECT array_agg(w.org_id) INTO locked FROM (
    SELECT org_id FROM wallet WHERE org_id = ANY (orgs) ORDER BY org_id FOR NO KEY UPDATE SKIP LOCKED
  ) w;
  partial := cardinality(locked) IS DISTINCT FROM cardinality(orgs);
  at := hub_now();
  fenced := EXISTS (SELECT FROM node n WHERE n.id = checkpoint_batch.node AND n.epoch > checkpoint_batch.epoch);

  PERFORM expire_lots(w.org_id, at) FROM wallet w WHERE w.org_id = ANY (locked) AND w.next_expiry_at <= at;

  IF NOT fenced THEN
    UPDATE hold h SET
      attempt = greatest(h.attempt, i.attempt), units = greatest(h.units, i.units),
      usage = CASE WHEN coalesce(i.units, 0) >= h.units THEN coalesce(i.usage, h.usage) ELSE h.usage END,
      accrued = greatest(h.accrued, i.accrued), accrued_cost = greatest(h.accrued_cost, i.accrued_cost),
      sent_at = coalesce(h.sent_at, at), expires_at = greatest(h.expires_at, at + interval '120 seconds'),
      ctx = CASE WHEN i.ctx IS NULL THEN h.ctx ELSE h.ctx || i.ctx END
    FROM jsonb_to_recordset(items) AS i(org text, id text, attempt int, usage jsonb, units bigint, accrued bigint, accrued_cost bigint, ctx jsonb)
    WHERE h.id = ANY (ARRAY(SELECT x ->> 'id' FROM jsonb_array_elements(items) x)) AND h.id = i.id AND h.org_id = i.org AND h.state = 'open' AND h.node = checkpoint_batch.node AND h.epoch = checkpoint_batch.epoch
      AND (NOT partial OR h.org_id = ANY (locked));

    FOR wish IN
      SELECT i.ordinality AS ord, i.want_amount AS want, h.*
      FROM ROWS FROM (jsonb_to_recordset(items) AS (org text, id text, want_amount bigint)) WITH ORDINALITY i
      JOIN hold h ON h.id = i.id AND h.org_id = i.org AND h.state = 'open' AND h.node = checkpoint_batch.node AND h.epoch = checkpoint_batch.epoch
      WHERE i.want_amount > h.amount AND (NOT partial OR h.org_id = ANY (locked)) ORDER BY i.ordinality
    LOOP
      SELECT w.posted - w.held - w.floor - CASE WHEN wish.restricted_ok THEN 0 ELSE w.restricted END, w.status INTO room, wallet_status
      FROM wallet w WHERE w.org_id = wish.org_id;
      SELECT min(l.budget - roll_period(l.spent, l.period_start, l.period, at) - l.held) INTO budget_room FROM limit_state l
      WHERE l.org_id = wish.org_id AND (l.scope, l.scope_id) IN (('key', wish.key_id), ('app', wish.app_id), ('member', wish.member_id), ('org', wish.org_id));
      more := CASE WHEN wallet_status = 'active' THEN greatest(least(wish.want - wish.amount, room, budget_room), 0) ELSE 0 END;
      answers := answers || jsonb_build_object(wish.ord, jsonb_build_object(
        'available', wish.amount + least(room, budget_room),
        'refused_by', CASE WHEN more > 0 THEN NULL WHEN wallet_status <> 'active' THEN 'wallet_frozen'
          WHEN budget_room <= 0 THEN 'budget' ELSE 'insufficient_credits' END));
      CONTINUE WHEN more = 0;
      UPDATE hold h SET amount = h.amount + more WHERE h.id = wish.id;
      UPDATE wallet w SET held = w.held + more, version = w.version + 1 WHERE w.org_id = wish.org_id;
      UPDATE limit_state l SET held = l.held + more, spent = roll_period(l.spent, l.period_start, l.period, at),
        period_start = greatest(l.period_start, period_begin(l.period, at))
      WHERE l.org_id = wish.org_id AND l.period <> 'rate'
        AND (l.scope, l.scope_id) IN (('key', wish.key_id), ('app', wish.app_id), ('member', wish.member_id), ('org', wish.org_id));
    END LOOP;
  END IF;

  RETURN QUERY
  SELECT i.ordinality::int,
    CASE WHEN h.id IS NULL THEN 'missing' WHEN h.state <> 'open' THEN h.state
      WHEN fenced OR h.node <> checkpoint_batch.node OR h.epoch <> checkpoint_batch.epoch THEN 'stale' ELSE 'open' END,
    h.amount, answers -> i.ordinality::text ->> 'refused_by', (answers -> i.ordinality::text ->> 'available')::bigint,
    partial AND h.id IS NOT NULL AND h.org_id <> ALL (coalesce(locked, '{}'))
  FROM ROWS FROM (jsonb_to_recordset(items) AS (org text, id text)) WITH ORDINALITY i
  LEFT JOIN LATERAL (SELECT * FROM hold x WHERE x.id = i.id AND x.org_id = i.org OFFSET 0) h ON true -- see authorize_batch
  ORDER BY 1;
END $$;
