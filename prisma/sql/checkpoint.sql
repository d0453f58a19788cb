-- Progress of running calls: what the sweeper would charge if the node died now, renewal, and extension of holds.
-- Item: {org, id, attempt, usage, units, accrued, accrued_cost, want_amount?, model?, price_version?, restricted_ok?, ctx?}; `want_amount`
-- is the whole hold wished for, so that a repeated item asks for nothing more. What fits is granted (compare `amount`); refused_by is set
-- where nothing more fits. With `model` the hold is pinned anew, at that model's price version, to exactly `want_amount` or not at
-- all (refused_by): only while nothing was put out, and under every test of authorize but those of rates, which the call has passed.
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
  refusal text;
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
      SELECT i.ordinality AS ord, i.want_amount AS want, i.model, i.price_version, i.model IS NOT NULL AS repin,
        CASE WHEN i.model IS NULL THEN h.restricted_ok ELSE coalesce(i.restricted_ok, false) END AS may_use_restricted, h.*
      FROM ROWS FROM (jsonb_to_recordset(items) AS (org text, id text, want_amount bigint, model text, price_version bigint, restricted_ok boolean))
        WITH ORDINALITY i
      JOIN hold h ON h.id = i.id AND h.org_id = i.org AND h.state = 'open' AND h.node = checkpoint_batch.node AND h.epoch = checkpoint_batch.epoch
      WHERE (i.want_amount > h.amount OR i.model IS NOT NULL) AND (NOT partial OR h.org_id = ANY (locked)) ORDER BY i.ordinality
    LOOP
      SELECT w.posted - w.held - w.floor - CASE WHEN wish.may_use_restricted THEN 0 ELSE w.restricted END,
        CASE
          WHEN w.status <> 'active' THEN 'wallet_frozen'
          WHEN NOT wish.repin THEN NULL
          WHEN wish.units > 0 THEN 'started'
          WHEN k.id IS NULL OR k.status = 'revoked' THEN 'key_revoked'
          WHEN k.status <> 'active' THEN 'key_disabled'
          WHEN k.expires_at <= at THEN 'key_expired'
          WHEN o.status IS DISTINCT FROM 'active' THEN 'org_suspended'
        END
      INTO room, refusal
      FROM wallet w LEFT JOIN api_key k ON k.id = wish.key_id AND k.org_id = w.org_id LEFT JOIN org o ON o.id = w.org_id
      WHERE w.org_id = wish.org_id;
      SELECT min(l.budget - roll_period(l.spent, l.period_start, period_begin(l.period, at)) - l.held) INTO budget_room FROM limit_state l
      WHERE l.org_id = wish.org_id AND l.budget IS NOT NULL
        AND (l.scope, l.scope_id) IN (('key', wish.key_id), ('app', wish.app_id), ('member', wish.member_id), ('org', wish.org_id), ('self', wish.org_id));
      more := wish.want - wish.amount;
      refusal := coalesce(refusal, CASE
        WHEN budget_room < CASE WHEN wish.repin THEN more ELSE 1 END OR (wish.repin AND wish.price_version IS NULL AND budget_room IS NOT NULL) THEN 'budget'
        WHEN room < CASE WHEN wish.repin THEN more ELSE 1 END THEN 'insufficient_credits' END);
      answers := answers || jsonb_build_object(wish.ord, jsonb_build_object('refused_by', refusal, 'available', wish.amount + least(room, budget_room)));
      CONTINUE WHEN refusal IS NOT NULL;
      IF NOT wish.repin THEN more := least(more, room, budget_room); END IF;
      UPDATE hold h SET amount = h.amount + more, model_id = coalesce(wish.model, h.model_id), restricted_ok = wish.may_use_restricted,
        price_version_id = CASE WHEN wish.repin THEN wish.price_version ELSE h.price_version_id END
      WHERE h.id = wish.id;
      UPDATE wallet w SET held = w.held + more, version = w.version + 1 WHERE w.org_id = wish.org_id;
      UPDATE limit_state l SET held = l.held + more, spent = roll_period(l.spent, l.period_start, period_begin(l.period, at)),
        period_start = greatest(l.period_start, period_begin(l.period, at))
      WHERE l.org_id = wish.org_id AND l.period <> 'rate'
        AND (l.scope, l.scope_id) IN (('key', wish.key_id), ('app', wish.app_id), ('member', wish.member_id), ('org', wish.org_id), ('self', wish.org_id));
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
