-- How holds end when nobody settles them: voided by the node that gave up, swept after a crash, pruned when old.

-- Gives up holds of this node; repeated until acknowledged. An id not seen yet becomes a tombstone, so that an authorize
-- still on its way is refused when it arrives. Returns the state each id has now: voided, or what closed it before.
CREATE OR REPLACE FUNCTION void_holds(ids text[], node text, epoch bigint) RETURNS TABLE (id text, state text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
  at timestamptz;
  doomed settlement[];
  missing int;
  buried int;
BEGIN
  LOOP
    PERFORM FROM wallet w WHERE w.org_id IN (SELECT h.org_id FROM hold h WHERE h.id = ANY (ids) AND h.state = 'open')
      ORDER BY w.org_id FOR NO KEY UPDATE;
    at := hub_now();
    WITH gone AS (
      UPDATE hold h SET state = 'voided', closed_at = at
      WHERE h.id = ANY (ids) AND h.state = 'open' AND h.node = void_holds.node
      RETURNING h.*
    )
    SELECT array_agg(ROW(NULL, g.org_id, g.id, 'voided', g.key_id, g.app_id, g.member_id, g.model_id, NULL, NULL, NULL, g.created_at, g.amount,
      g.restricted_ok, g.tpm_reserved, g.sec, g.price_version_id, NULL, NULL, 0, 0, 0, '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::settlement)
    INTO doomed FROM gone g;
    IF doomed IS NOT NULL THEN
      UPDATE wallet w SET held = w.held - s.held, version = w.version + 1
      FROM (SELECT d.org, sum(d.held)::bigint AS held FROM unnest(doomed) d GROUP BY d.org) s WHERE w.org_id = s.org;
      PERFORM release_limits(doomed, at);
    END IF;
    SELECT count(DISTINCT v.id) INTO missing FROM unnest(ids) v(id) WHERE NOT EXISTS (SELECT FROM hold h WHERE h.id = v.id);
    INSERT INTO hold (id, org_id, key_id, app_id, model_id, input_hash, amount, state, node, epoch, ctx, created_at, expires_at, closed_at)
    SELECT v.id, '', '', '', '', '', 0, 'voided', void_holds.node, void_holds.epoch, '{}', at, at, at
    FROM (SELECT DISTINCT unnest(ids) AS id ORDER BY 1) v WHERE NOT EXISTS (SELECT FROM hold h WHERE h.id = v.id)
    ON CONFLICT (id) DO NOTHING;
    GET DIAGNOSTICS buried = ROW_COUNT;
    EXIT WHEN buried >= missing;
    -- an authorize committed one of them in between: void that one
  END LOOP;
  RETURN QUERY SELECT h.id, h.state FROM hold h WHERE h.id = ANY (ids);
END $$;

-- Whether the sweeper may close a hold. `steady`: the caller has reached the database for 20 s without a gap, so that a
-- node's silence is the node's. An open hold of a live node's current epoch is never touched before it has expired.
CREATE OR REPLACE FUNCTION sweep_reason(h hold, n node, steady boolean, at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN h.state <> 'open' THEN NULL
    WHEN h.expires_at < at - interval '15 seconds' THEN 'expired'
    WHEN h.epoch < n.epoch AND (n.spool_replayed >= n.booted_at OR n.booted_at < at - interval '15 seconds') THEN 'older_epoch'
    WHEN steady AND n.beat_at < at - interval '15 seconds' THEN 'silent_node'
  END
$$;

-- Closes holds nobody will settle: at their last checkpoint if output had been sent on, else at 0. Writes the whole usage
-- event, outcome `crashed`. Any number of sweepers may run. Returns what it closed.
CREATE OR REPLACE FUNCTION sweep_holds(steady boolean DEFAULT false, batch int DEFAULT 500)
RETURNS TABLE (id text, org_id text, node text, reason text, price bigint, amount bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  candidates text[];
  orgs text[];
  locked text[];
  at timestamptz := hub_now();
  closing settlement[];
BEGIN
  SELECT array_agg(c.id), array_agg(DISTINCT c.org_id) INTO candidates, orgs FROM (
    SELECT h.id, h.org_id FROM hold h LEFT JOIN node n ON n.id = h.node
    WHERE h.state = 'open' AND sweep_reason(h, n, steady, at) IS NOT NULL ORDER BY h.expires_at LIMIT batch
  ) c;
  IF candidates IS NULL THEN RETURN; END IF;
  SELECT array_agg(w.org_id) INTO locked FROM (
    SELECT org_id FROM wallet WHERE org_id = ANY (orgs) ORDER BY org_id FOR NO KEY UPDATE SKIP LOCKED
  ) w;
  at := hub_now();
  -- read again under the lock: it may have been settled or renewed since
  SELECT array_agg(ROW(row_number, c.org_id, c.id, 'expired', c.key_id, c.app_id, c.member_id, c.model_id,
      coalesce(c.ctx ->> 'endpoint', ''), coalesce(c.ctx ->> 'dialect', ''), coalesce((c.ctx ->> 'stream')::boolean, false), c.created_at, c.amount,
      c.restricted_ok, c.tpm_reserved, c.sec, c.price_version_id, 'crashed', 500,
      CASE WHEN c.price_version_id IS NULL THEN NULL WHEN c.delivered THEN c.accrued ELSE 0 END,
      CASE WHEN c.sent_at IS NULL THEN 0 ELSE c.accrued_cost END, 0, CASE WHEN c.delivered THEN coalesce(c.usage, '{}') ELSE '{}' END,
      CASE WHEN c.delivered THEN 'estimated' ELSE 'unknown' END,
      c.ctx ->> 'provider', c.ctx ->> 'upstream_model', c.ctx ->> 'credential', c.ctx ->> 'route', c.ctx ->> 'upstream_id', NULL, NULL, NULL,
      (c.ctx ->> 'client_retry')::int,
      CASE WHEN c.ctx ? 'provider' THEN jsonb_build_array(jsonb_build_object('offer', c.ctx -> 'offer', 'provider', c.ctx -> 'provider',
        'upstream_model', coalesce(c.ctx ->> 'upstream_model', ''), 'credential', c.ctx -> 'credential', 'outcome', 'crashed', 'usage', c.usage,
        'cost', c.accrued_cost, 'cost_version', c.ctx -> 'cost_version')) END, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, c.ctx ->> 'client')::settlement)
  INTO closing
  FROM (
    SELECT h.*, row_number() OVER (ORDER BY h.created_at, h.id), h.sent_at IS NOT NULL AND h.units > 0 AS delivered
    FROM hold h LEFT JOIN node n ON n.id = h.node
    WHERE h.id = ANY (candidates) AND h.org_id = ANY (locked) AND sweep_reason(h, n, steady, at) IS NOT NULL
  ) c;
  IF closing IS NULL THEN RETURN; END IF;
  RETURN QUERY SELECT h.id, h.org_id, h.node, sweep_reason(h, n, steady, at), c.price, h.amount
    FROM unnest(closing) c JOIN hold h ON h.id = c.id LEFT JOIN node n ON n.id = h.node;
  PERFORM post_settlements(closing, at, 'sweeper');
END $$;

-- Deletes closed holds older than `age`, at most `batch` at a time; returns how many. Money is in the ledger, not here.
CREATE OR REPLACE FUNCTION prune_holds(age interval DEFAULT '7 days', batch int DEFAULT 5000) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  pruned int;
BEGIN
  DELETE FROM hold WHERE id IN (
    SELECT h.id FROM hold h WHERE h.closed_at < hub_now() - age ORDER BY h.id LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS pruned = ROW_COUNT;
  RETURN pruned;
END $$;
