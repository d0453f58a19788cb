-- A scope of limits that an organisation sets itself, beside the operator's. Replacing the CHECK reads limit_state under an ACCESS EXCLUSIVE
-- lock: a few rows for each key, so milliseconds.
SET lock_timeout = '5s';

ALTER TABLE "limit_state" DROP CONSTRAINT "limit_state_scope_check",
  ADD CONSTRAINT "limit_state_scope_check" CHECK ("scope" IN ('org', 'self', 'app', 'member', 'key'));

CREATE OR REPLACE FUNCTION limit_scopes(key text, app text, member text, org text) RETURNS TABLE (scope text, scope_id text, rank int)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5 AS $$
  SELECT * FROM (VALUES ('key', key, 1), ('app', app, 2), ('member', member, 3), ('org', org, 4), ('self', org, 5)) v(scope, scope_id, rank)
$$;

CREATE OR REPLACE FUNCTION load_limits(items authorization_item[], at timestamptz, second bigint) RETURNS limit_view[]
LANGUAGE sql STABLE AS $$
  SELECT array_agg(ROW(l.org_id, l.scope, l.scope_id, l.period, k.rank * 10 + array_position('{rate,day,week,month,total}', l.period),
      l.budget, roll_period(l.spent, l.period_start, begin_of(t.begins, l.period)), l.held, l.max_concurrency, l.inflight,
      l.rpm, l.tpm, coalesce(s.calls, 0), coalesce(s.tokens, 0))::limit_view)
  FROM (SELECT period_begins(at) AS begins OFFSET 0) t
  CROSS JOIN (
    SELECT DISTINCT i.org, v.scope, v.scope_id, v.rank
    FROM unnest(items) i
    CROSS JOIN LATERAL limit_scopes(i.key, i.app, i.member, i.org) v
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

CREATE OR REPLACE FUNCTION grant_where_all_fit(items authorization_item[], limits limit_view[], starters text[]) RETURNS authorization_item[]
LANGUAGE sql STABLE SET enable_nestloop = off SET enable_hashjoin = on AS $$
  WITH item AS MATERIALIZED (SELECT * FROM unnest(items)),
  undecided AS MATERIALIZED (
    SELECT i.*, i.room - coalesce(sum(want) OVER earlier, 0) AS left_over
    FROM item i WHERE i.verdict IS NULL
    WINDOW earlier AS (PARTITION BY org ORDER BY ord ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  ),
  scoped AS MATERIALIZED (
    SELECT u.ord, u.org, l.budget, l.budget - l.spent - l.held AS left_over, u.want, u.tokens, u.price_version,
      l.max_concurrency, l.inflight, l.rpm, l.tpm, l.calls, l.tokens AS window_tokens,
      count(*) OVER upto AS nth, sum(u.want) OVER upto AS wanted, sum(u.tokens) OVER upto AS estimated
    FROM undecided u
    CROSS JOIN LATERAL limit_scopes(u.key, u.app, u.member, u.org) v
    JOIN unnest(limits) l ON l.org = u.org AND l.scope = v.scope AND l.scope_id = v.scope_id
    WINDOW upto AS (PARTITION BY l.org, l.scope, l.scope_id, l.period ORDER BY u.ord ROWS UNBOUNDED PRECEDING)
  ),
  tight AS MATERIALIZED (
    SELECT org FROM undecided WHERE want > left_over OR org = ANY (starters)
    UNION
    SELECT org FROM scoped
    WHERE wanted > left_over OR (budget IS NOT NULL AND price_version IS NULL)
      OR inflight + nth > max_concurrency OR calls + nth > rpm OR window_tokens + estimated > tpm
  ),
  budget_room AS MATERIALIZED (SELECT ord, min(left_over - wanted + want) AS room FROM scoped GROUP BY ord)
  SELECT array_agg(CASE
      WHEN i.verdict IS NULL AND t.org IS NULL AND u.ord IS NOT NULL THEN
        ROW(i.ord, i.org, i.id, i.key, i.app, i.member, i.model, i.ctx, i.input_hash, i.want, i.min_amount, i.price_version, i.tokens,
          i.restricted_ok, i.room, 'granted', i.want, NULL, NULL, NULL, NULL, NULL, NULL, least(u.left_over, b.room), NULL)::authorization_item
      ELSE ROW(i.*)::authorization_item
    END)
  FROM item i
  LEFT JOIN undecided u ON u.ord = i.ord
  LEFT JOIN tight t ON t.org = i.org
  LEFT JOIN budget_room b ON b.ord = i.ord
$$;

CREATE OR REPLACE FUNCTION grant_one_by_one(items authorization_item[], limits limit_view[], at timestamptz) RETURNS authorization_item[]
LANGUAGE plpgsql STABLE SET enable_nestloop = off SET enable_hashjoin = on AS $$
DECLARE
  w wallet;
  rows limit_view[];
  l limit_view;
  next record;
  item authorization_item;
  matching int[];    -- the limit rows that bind it
  x int;
  room bigint;        -- NULL: the wallet never blocks
  budget_room bigint; -- NULL: no budget applies
  credit_room bigint;
  barred bigint;      -- restricted credit, which this call may not use
  starter_from timestamptz; -- only starter credit pays: when it pays for the next call
  taken bigint[];     -- per limit row: budget, calls and tokens this batch has granted
  calls int[];
  tokens bigint[];
  decided authorization_item[] := '{}';
BEGIN
  SELECT * INTO w FROM wallet x WHERE x.org_id = items[1].org;
  rows := ARRAY(SELECT v FROM unnest(limits) v WHERE v.org = w.org_id ORDER BY v.rank);
  taken := array_fill(0::bigint, ARRAY[cardinality(rows)]);
  calls := array_fill(0, ARRAY[cardinality(rows)]);
  tokens := array_fill(0::bigint, ARRAY[cardinality(rows)]);
  room := w.posted - w.held - w.floor;
  IF w.restricted > 0 AND w.posted <= w.restricted THEN
    starter_from := coalesce(w.starter_at, '-infinity') + interval '1 second';
  END IF;
  FOR next IN
    SELECT i AS item, coalesce(m.matching, '{}') AS matching
    FROM unnest(items) i
    LEFT JOIN (
      SELECT x.ord, array_agg(r.ordinality::int ORDER BY r.ordinality) AS matching
      FROM unnest(items) x
      CROSS JOIN LATERAL limit_scopes(x.key, x.app, x.member, x.org) v
      JOIN unnest(rows) WITH ORDINALITY r ON r.scope = v.scope AND r.scope_id = v.scope_id
      GROUP BY x.ord
    ) m ON m.ord = i.ord
    ORDER BY i.ord
  LOOP
    item := next.item;
    matching := next.matching;
    item.refused_by := NULL;
    budget_room := NULL;
    FOREACH x IN ARRAY matching LOOP
      l := rows[x];
      IF l.inflight + calls[x] >= l.max_concurrency THEN
        item.refused_by := 'concurrency'; item.scope := l.scope;
        item.limit_value := l.max_concurrency; item.used_value := l.inflight + calls[x];
        EXIT;
      END IF;
    END LOOP;
    IF item.refused_by IS NULL THEN
      FOREACH x IN ARRAY matching LOOP
        l := rows[x];
        IF l.calls + calls[x] >= l.rpm THEN
          item.refused_by := 'rpm'; item.scope := l.scope; item.limit_value := l.rpm; item.used_value := l.calls + calls[x];
          item.retry_after_ms := rate_retry_ms(l, false, 1, calls[x], at);
          item.reset_at := at + item.retry_after_ms * interval '1 millisecond';
          EXIT;
        END IF;
      END LOOP;
    END IF;
    IF item.refused_by IS NULL THEN
      FOREACH x IN ARRAY matching LOOP
        l := rows[x];
        IF l.tokens + tokens[x] + item.tokens > l.tpm THEN
          item.scope := l.scope; item.limit_value := l.tpm; item.used_value := l.tokens + tokens[x];
          IF item.tokens > l.tpm THEN
            item.refused_by := 'tpm_too_large';
          ELSE
            item.refused_by := 'tpm';
            item.retry_after_ms := rate_retry_ms(l, true, item.tokens, tokens[x], at);
            item.reset_at := at + item.retry_after_ms * interval '1 millisecond';
          END IF;
          EXIT;
        END IF;
      END LOOP;
    END IF;
    IF item.refused_by IS NULL THEN
      FOREACH x IN ARRAY matching LOOP
        l := rows[x];
        CONTINUE WHEN l.budget IS NULL;
        -- an unpriced call cannot be counted against a budget, so no budget lets it pass
        IF l.budget - l.spent - l.held - taken[x] < item.min_amount OR item.price_version IS NULL THEN
          item.refused_by := 'budget'; item.scope := l.scope; item.limit_value := l.budget;
          item.used_value := l.spent + l.held + taken[x]; item.reset_at := period_end(l.period, at); item.period := l.period;
          EXIT;
        END IF;
        budget_room := least(budget_room, l.budget - l.spent - l.held - taken[x]);
      END LOOP;
    END IF;
    barred := CASE WHEN item.restricted_ok THEN 0 ELSE w.restricted END;
    credit_room := room - barred;
    IF item.refused_by IS NULL AND credit_room < item.min_amount THEN
      -- holds_only: posted credit would do, only open holds are in the way, so waiting may help
      item.refused_by := CASE WHEN w.posted - w.floor - barred >= item.min_amount THEN 'holds_only'
        WHEN room >= item.min_amount THEN 'restricted_credits' ELSE 'insufficient_credits' END;
    END IF;
    -- last, so that nobody waits a second to be refused for good
    IF item.refused_by IS NULL AND starter_from > at THEN
      item.refused_by := 'starter_rate'; item.scope := 'org'; item.limit_value := 1; item.used_value := 1;
      item.reset_at := starter_from;
      item.retry_after_ms := ceil(extract(epoch FROM starter_from - at) * 1000);
    END IF;
    item.available := least(credit_room, budget_room);
    IF item.refused_by IS NULL THEN
      item.verdict := 'granted';
      item.amount := least(item.want, credit_room, budget_room);
      room := room - item.amount;
      IF starter_from IS NOT NULL THEN starter_from := at + interval '1 second'; END IF;
      FOREACH x IN ARRAY matching LOOP
        taken[x] := taken[x] + item.amount;
        calls[x] := calls[x] + 1;
        tokens[x] := tokens[x] + item.tokens;
      END LOOP;
    ELSE
      item.verdict := 'refused';
    END IF;
    decided := decided || item;
  END LOOP;
  RETURN decided;
END $$;

CREATE OR REPLACE FUNCTION take_limits(items authorization_item[], at timestamptz, second bigint) RETURNS void
LANGUAGE sql VOLATILE AS $$
  WITH taken AS MATERIALIZED (
    SELECT i.org, v.scope, v.scope_id, sum(i.amount)::bigint AS amount, count(*)::int AS calls, sum(i.tokens)::bigint AS tokens
    FROM unnest(items) i
    CROSS JOIN LATERAL limit_scopes(i.key, i.app, i.member, i.org) v
    WHERE i.verdict = 'granted' AND v.scope_id IS NOT NULL
    GROUP BY 1, 2, 3
  ), place AS MATERIALIZED (
    SELECT l.ctid AS at, t.*, p.begins FROM (SELECT period_begins(take_limits.at) AS begins OFFSET 0) p CROSS JOIN taken t
    CROSS JOIN LATERAL (SELECT x.ctid FROM limit_state x WHERE x.org_id = t.org AND x.scope = t.scope AND x.scope_id = t.scope_id OFFSET 0) l
  ), state AS (
    UPDATE limit_state l SET
      spent = roll_period(l.spent, l.period_start, begin_of(p.begins, l.period)),
      period_start = greatest(l.period_start, begin_of(p.begins, l.period)),
      held = l.held + CASE WHEN l.period = 'rate' THEN 0 ELSE p.amount END,
      inflight = l.inflight + CASE WHEN l.period = 'rate' THEN p.calls ELSE 0 END
    FROM place p WHERE l.ctid = p.at
    RETURNING l.org_id, l.scope, l.scope_id, l.rpm, l.tpm, p.calls, p.tokens
  )
  INSERT INTO limit_slot AS s (org_id, scope, scope_id, slot, sec, calls, tokens)
  SELECT org_id, scope, scope_id, second % 64, second, calls, tokens FROM state WHERE rpm IS NOT NULL OR tpm IS NOT NULL
  ON CONFLICT (org_id, scope, scope_id, slot) DO UPDATE SET
    calls = CASE WHEN s.sec = excluded.sec THEN s.calls + excluded.calls ELSE excluded.calls END,
    tokens = CASE WHEN s.sec = excluded.sec THEN s.tokens + excluded.tokens ELSE excluded.tokens END,
    sec = excluded.sec
$$;

CREATE OR REPLACE FUNCTION release_limits(items settlement[], at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  begins timestamptz[] := period_begins(at);
BEGIN
  IF NOT EXISTS (SELECT FROM (SELECT DISTINCT i.org FROM unnest(items) i) o WHERE EXISTS (SELECT FROM limit_state l WHERE l.org_id = o.org)) THEN
    RETURN;
  END IF;
  WITH closed AS MATERIALIZED (
    SELECT i.org, v.scope, v.scope_id, i.held, i.price, i.sec, i.drift
    FROM (SELECT x.org, x.key, x.app, x.member, x.held, x.sec, coalesce(x.price, 0) AS price, usage_tokens(x.usage) - x.tpm_reserved AS drift FROM unnest(items) x OFFSET 0) i
    CROSS JOIN LATERAL limit_scopes(i.key, i.app, i.member, i.org) v
    WHERE v.scope_id IS NOT NULL
  ), place AS MATERIALIZED (
    SELECT l.ctid AS at, c.* FROM (
      SELECT org, scope, scope_id, sum(held)::bigint AS held, sum(price)::bigint AS price, count(*)::int AS calls FROM closed GROUP BY 1, 2, 3
    ) c CROSS JOIN LATERAL (SELECT x.ctid FROM limit_state x WHERE x.org_id = c.org AND x.scope = c.scope AND x.scope_id = c.scope_id OFFSET 0) l
  ), given AS (
    UPDATE limit_state l SET
      spent = roll_period(l.spent, l.period_start, begin_of(begins, l.period)) + CASE WHEN l.period = 'rate' THEN 0 ELSE p.price END,
      period_start = greatest(l.period_start, begin_of(begins, l.period)),
      held = l.held - CASE WHEN l.period = 'rate' THEN 0 ELSE p.held END,
      inflight = l.inflight - CASE WHEN l.period = 'rate' THEN p.calls ELSE 0 END
    FROM place p WHERE l.ctid = p.at
  ), slot AS MATERIALIZED (
    SELECT s.ctid AS at, c.drift FROM (SELECT org, scope, scope_id, sec, sum(drift)::bigint AS drift FROM closed GROUP BY 1, 2, 3, 4) c
    CROSS JOIN LATERAL (
      SELECT x.ctid FROM limit_slot x WHERE x.org_id = c.org AND x.scope = c.scope AND x.scope_id = c.scope_id AND x.slot = c.sec % 64 AND x.sec = c.sec OFFSET 0
    ) s WHERE c.drift <> 0
  )
  UPDATE limit_slot s SET tokens = greatest(s.tokens + c.drift, 0) FROM slot c WHERE s.ctid = c.at;
END $$;

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

CREATE OR REPLACE FUNCTION late_adjust(items jsonb) RETURNS TABLE (ord int, id text, applied boolean, delta bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
<<adjusting>>
DECLARE
  at timestamptz;
  late record;
  swept usage_event;
  w wallet;
  journal bigint;
  promo bigint;
  change bigint;
BEGIN
  PERFORM FROM wallet WHERE org_id IN (SELECT x ->> 'org' FROM jsonb_array_elements(items) x) ORDER BY org_id FOR NO KEY UPDATE;
  at := hub_now();
  FOR late IN
    SELECT i.ordinality, h.id AS hold_id, h.org_id, h.closed_at, h.restricted_ok, h.created_at, h.state = 'expired' AND h.adjusted_at IS NULL AS due,
      i.id, i.outcome, i.http_status, i.price, coalesce(i.cost, 0) AS cost, coalesce(i.waste, 0) AS waste, i.usage_source, i.provider, i.upstream_model,
      i.credential, i.route, i.upstream_id, i.finish_reason, i.latency_ms, i.first_token_ms, u.*
    FROM ROWS FROM (jsonb_to_recordset(items) AS (org text, id text, outcome text, http_status int, price bigint, cost bigint, waste bigint,
      usage jsonb, usage_source text, provider text, upstream_model text, credential text, route text, upstream_id text, finish_reason text,
      latency_ms int, first_token_ms int)) WITH ORDINALITY i
    CROSS JOIN LATERAL jsonb_to_record(coalesce(i.usage, '{}')) AS u(input int, "cacheRead" int, "cacheWrite" int, "cacheWrite1h" int,
      "audioInput" int, "imageInput" int, "videoInput" int, output int, reasoning int, "audioOutput" int, "imageOutput" int,
      images int, milliseconds bigint, characters bigint, requests int, "toolCalls" jsonb)
    LEFT JOIN hold h ON h.id = i.id AND h.org_id = i.org
    ORDER BY i.ordinality
  LOOP
    ord := late.ordinality;
    id := late.id;
    SELECT e.* INTO swept FROM usage_event e WHERE e.id = late.hold_id AND e.at = late.closed_at AND e.kind = 'call';
    applied := coalesce(late.due, false) AND swept.id IS NOT NULL;
    delta := NULL;
    IF NOT applied THEN
      RETURN NEXT;
      CONTINUE;
    END IF;
    IF late.price < 0 THEN RAISE EXCEPTION 'a price is never negative' USING ERRCODE = 'invalid_parameter_value'; END IF;
    change := coalesce(late.price, 0) - coalesce(swept.price_nano, 0);
    SELECT * INTO w FROM wallet x WHERE x.org_id = late.org_id;
    journal := NULL;
    promo := 0;
    IF change <> 0 THEN
      INSERT INTO journal (org_id, kind, ref, at, actor) VALUES (late.org_id, 'late', late.hold_id, at, swept.node) RETURNING journal.id INTO journal;
      INSERT INTO entry (journal_id, account_id, amount) VALUES (journal, 'customer:' || late.org_id, -change), (journal, 'revenue', change);
      UPDATE wallet x SET posted = x.posted - change, version = x.version + 1,
        status = CASE WHEN x.status = 'active' AND x.posted - change < x.floor THEN 'frozen' ELSE x.status END,
        freeze_reason = CASE WHEN x.status = 'active' AND x.posted - change < x.floor THEN 'negative' ELSE x.freeze_reason END
      WHERE x.org_id = late.org_id;
      IF w.floor IS NOT NULL THEN
        promo := CASE
          WHEN change > 0 THEN draw_lots(late.org_id, late.hold_id, journal, least(change, greatest(w.posted, 0)), late.restricted_ok)
          ELSE return_lots(late.org_id, late.hold_id, journal, greatest(w.posted - change, 0) - greatest(w.posted, 0)) END;
      END IF;
      UPDATE limit_state l SET spent = roll_period(l.spent, l.period_start, period_begin(l.period, at)) + change,
        period_start = greatest(l.period_start, period_begin(l.period, at))
      WHERE l.org_id = late.org_id AND l.period <> 'rate'
        AND (l.scope, l.scope_id) IN (('key', swept.key_id), ('app', swept.app_id), ('member', swept.member_id), ('org', late.org_id), ('self', late.org_id));
    END IF;
    UPDATE hold h SET adjusted_at = at WHERE h.id = late.hold_id;
    INSERT INTO usage_event (id, at, org_id, started_at, kind, parent_id, upstream_id, app_id, key_id, member_id, model_id, provider, upstream_model,
      credential_id, endpoint, dialect, route, stream, outcome, http_status, finish_reason, input_tokens, cache_read_tokens, cache_write_tokens,
      cache_write_1h_tokens, audio_input_tokens, image_input_tokens, video_input_tokens, output_tokens, reasoning_tokens, audio_output_tokens,
      image_output_tokens, images, milliseconds, characters, requests, tool_calls, usage_source, price_nano, promo_nano, cost_nano, waste_nano,
      price_version_id, journal_id, latency_ms, first_token_ms, node)
    VALUES ('adj_' || late.hold_id, at, late.org_id, swept.started_at, 'adjust', late.hold_id, late.upstream_id, swept.app_id, swept.key_id, swept.member_id,
      swept.model_id, late.provider, late.upstream_model, late.credential, swept.endpoint, swept.dialect, late.route, swept.stream, late.outcome,
      late.http_status, late.finish_reason, coalesce(late.input, 0) - swept.input_tokens, coalesce(late."cacheRead", 0) - swept.cache_read_tokens,
      coalesce(late."cacheWrite", 0) - swept.cache_write_tokens, coalesce(late."cacheWrite1h", 0) - swept.cache_write_1h_tokens,
      coalesce(late."audioInput", 0) - swept.audio_input_tokens, coalesce(late."imageInput", 0) - swept.image_input_tokens,
      coalesce(late."videoInput", 0) - swept.video_input_tokens, coalesce(late.output, 0) - swept.output_tokens, coalesce(late.reasoning, 0) - swept.reasoning_tokens,
      coalesce(late."audioOutput", 0) - swept.audio_output_tokens, coalesce(late."imageOutput", 0) - swept.image_output_tokens,
      coalesce(late.images, 0) - swept.images, coalesce(late.milliseconds, 0) - swept.milliseconds, coalesce(late.characters, 0) - swept.characters,
      coalesce(late.requests, 0) - swept.requests,
      -- whole, not a difference: names say what a number cannot, such as the service tier; readers take the last that is there
      coalesce(late."toolCalls", CASE WHEN swept.tool_calls IS NOT NULL THEN '{}'::jsonb END), coalesce(late.usage_source, 'unknown'),
      CASE WHEN late.price IS NULL AND swept.price_nano IS NULL THEN NULL ELSE change END, promo,
      late.cost - coalesce(swept.cost_nano, 0), late.waste - swept.waste_nano, swept.price_version_id, journal, late.latency_ms, late.first_token_ms, swept.node);
    INSERT INTO usage_rollup AS r (org_id, bucket, dims, node, app_id, key_id, member_id, model_id, provider, credential_id, endpoint, status,
      input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, audio_input_tokens, image_input_tokens, video_input_tokens,
      output_tokens, reasoning_tokens, audio_output_tokens, image_output_tokens, images, milliseconds, characters,
      price_paid, price_promo, cost, waste, latency_histogram, first_token_histogram)
    SELECT e.org_id, date_bin('15 minutes', e.at, 'epoch'),
      md5(ROW(e.app_id, e.key_id, e.member_id, e.model_id, e.provider, e.credential_id, e.endpoint, e.outcome)::text)::uuid, 'adjust',
      e.app_id, e.key_id, e.member_id, e.model_id, e.provider, e.credential_id, e.endpoint, e.outcome,
      e.input_tokens, e.cache_read_tokens, e.cache_write_tokens, e.cache_write_1h_tokens, e.audio_input_tokens, e.image_input_tokens, e.video_input_tokens,
      e.output_tokens, e.reasoning_tokens, e.audio_output_tokens, e.image_output_tokens, e.images, e.milliseconds, e.characters,
      coalesce(e.price_nano, 0) - e.promo_nano, e.promo_nano, e.cost_nano, e.waste_nano, array_fill(0, ARRAY[24]), array_fill(0, ARRAY[24])
    FROM usage_event e WHERE e.id = 'adj_' || late.hold_id AND e.at = adjusting.at
    ON CONFLICT (org_id, bucket, dims, node) DO UPDATE SET
      input_tokens = r.input_tokens + excluded.input_tokens, cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens,
      cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens, cache_write_1h_tokens = r.cache_write_1h_tokens + excluded.cache_write_1h_tokens,
      audio_input_tokens = r.audio_input_tokens + excluded.audio_input_tokens, image_input_tokens = r.image_input_tokens + excluded.image_input_tokens,
      video_input_tokens = r.video_input_tokens + excluded.video_input_tokens, output_tokens = r.output_tokens + excluded.output_tokens,
      reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens, audio_output_tokens = r.audio_output_tokens + excluded.audio_output_tokens,
      image_output_tokens = r.image_output_tokens + excluded.image_output_tokens, images = r.images + excluded.images,
      milliseconds = r.milliseconds + excluded.milliseconds, characters = r.characters + excluded.characters,
      price_paid = r.price_paid + excluded.price_paid, price_promo = r.price_promo + excluded.price_promo, cost = r.cost + excluded.cost, waste = r.waste + excluded.waste;
    delta := change;
    RETURN NEXT;
  END LOOP;
END $$;

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

CREATE OR REPLACE FUNCTION violations_since(since timestamptz) RETURNS TABLE (rule text, org_id text, ref text, detail text)
LANGUAGE sql STABLE AS $$
WITH posting AS (
  -- the balance after each posting: from nothing, or back from what it is now
  SELECT w.org_id, w.floor, j.id AS journal_id, j.kind, e.amount, sum(e.amount) OVER (PARTITION BY w.org_id ORDER BY j.id)
    + CASE WHEN since = '-infinity' THEN 0 ELSE w.posted - sum(e.amount) OVER (PARTITION BY w.org_id) END AS after
  FROM wallet w
  JOIN (
    SELECT e.account_id, e.journal_id, sum(e.amount) AS amount FROM entry e JOIN journal x ON x.id = e.journal_id AND x.at >= since GROUP BY 1, 2
  ) e ON e.account_id = 'customer:' || w.org_id
  JOIN journal j ON j.id = e.journal_id
), open_hold AS (
  SELECT h.org_id, v.scope, v.scope_id, sum(h.amount) AS amount, count(*) AS n
  FROM hold h CROSS JOIN LATERAL limit_scopes(h.key_id, h.app_id, h.member_id, h.org_id) v
  WHERE h.state = 'open' AND v.scope_id IS NOT NULL GROUP BY 1, 2, 3
), lot AS (
  SELECT org_id, sum(remaining) AS remaining, sum(remaining) FILTER (WHERE restricted) AS restricted FROM credit_lot WHERE remaining <> 0 GROUP BY 1
), event_sum AS (
  SELECT org_id, date_bin('15 minutes', at, 'epoch') AS bucket, key_id, model_id, count(*) FILTER (WHERE kind = 'call') AS calls,
    coalesce(sum(price_nano), 0) AS price, sum(promo_nano) AS promo, coalesce(sum(cost_nano), 0) AS cost, sum(waste_nano) AS waste,
    sum(input_tokens) AS input, sum(output_tokens) AS output FROM usage_event
  WHERE at >= date_bin('15 minutes', since, 'epoch') + interval '15 minutes' GROUP BY 1, 2, 3, 4
), rollup_sum AS (
  SELECT org_id, bucket, key_id, model_id, sum(calls) AS calls, sum(price_paid + price_promo) AS price, sum(price_promo) AS promo,
    sum(cost) AS cost, sum(waste) AS waste, sum(input_tokens) AS input, sum(output_tokens) AS output FROM usage_rollup
  WHERE bucket >= date_bin('15 minutes', since, 'epoch') + interval '15 minutes' GROUP BY 1, 2, 3, 4
), pi_posting AS (
  SELECT j.org_id, split_part(j.ref, ':', 2) AS stripe_pi, sum(e.amount) AS amount, coalesce(sum(e.amount) FILTER (WHERE j.kind = 'topup'), 0) AS bought
  FROM journal j JOIN entry e ON e.journal_id = j.id AND e.account_id = 'customer:' || j.org_id
  WHERE j.kind IN ('topup', 'refund', 'dispute') AND j.ref LIKE 'pi:%' GROUP BY 1, 2
)
SELECT 'I1' AS rule, w.org_id, w.org_id AS ref, format('posted %s, entries %s', w.posted, coalesce(e.total, 0)) AS detail
FROM wallet w LEFT JOIN (SELECT account_id, sum(amount) AS total FROM entry GROUP BY 1) e ON e.account_id = 'customer:' || w.org_id
WHERE since = '-infinity' AND w.posted <> coalesce(e.total, 0)
UNION ALL
SELECT 'I1', w.org_id, w.org_id, format('posted %s, entries %s', w.posted, coalesce(m.posted, 0) + e.total)
FROM wallet w LEFT JOIN balance_mark m ON m.org_id = w.org_id
CROSS JOIN LATERAL (
  SELECT coalesce(sum(x.amount), 0) AS total FROM entry x WHERE x.account_id = 'customer:' || w.org_id AND x.id > coalesce(m.entry_id, 0)
) e
WHERE since > '-infinity' AND w.posted <> coalesce(m.posted, 0) + e.total
UNION ALL
SELECT 'I2', w.org_id, w.org_id, format('held %s, open holds %s', w.held, coalesce(h.amount, 0))
FROM wallet w LEFT JOIN open_hold h ON h.org_id = w.org_id AND h.scope = 'org' WHERE w.held <> coalesce(h.amount, 0)
UNION ALL
SELECT 'I2', l.org_id, concat_ws(':', l.scope, l.scope_id, l.period),
  format('held %s, inflight %s; open holds %s of %s', l.held, l.inflight, coalesce(h.n, 0), coalesce(h.amount, 0))
FROM limit_state l LEFT JOIN open_hold h ON (h.org_id, h.scope, h.scope_id) = (l.org_id, l.scope, l.scope_id)
WHERE CASE WHEN l.period = 'rate' THEN l.inflight <> coalesce(h.n, 0) ELSE l.held <> coalesce(h.amount, 0) END
UNION ALL
SELECT 'I3', w.org_id, w.org_id, format('posted %s below floor %s', w.posted, w.floor)
FROM wallet w WHERE w.posted < w.floor AND w.status <> 'frozen'
UNION ALL
SELECT 'I4', j.org_id, j.ref, format('revenue %s, events %s', coalesce(r.amount, 0), coalesce(u.price, 0))
FROM journal j
LEFT JOIN (
  SELECT e.journal_id, sum(e.amount) AS amount FROM entry e JOIN journal x ON x.id = e.journal_id AND x.at >= since
  WHERE e.account_id = 'revenue' GROUP BY 1
) r ON r.journal_id = j.id
LEFT JOIN (SELECT journal_id, sum(price_nano) AS price FROM usage_event WHERE at >= since GROUP BY 1) u ON u.journal_id = j.id
WHERE j.at >= since AND j.kind IN ('usage', 'late') AND coalesce(r.amount, 0) <> coalesce(u.price, 0)
UNION ALL
SELECT 'I5', j.org_id, j.ref, 'journal without usage events'
FROM journal j WHERE j.at >= since AND j.kind IN ('usage', 'late') AND NOT EXISTS (SELECT FROM usage_event u WHERE u.journal_id = j.id AND u.at >= since)
UNION ALL
SELECT 'I5', u.org_id, u.id, 'priced event without journal'
FROM usage_event u WHERE u.at >= since AND u.price_nano <> 0 AND NOT EXISTS (SELECT FROM journal j WHERE j.id = u.journal_id AND j.org_id = u.org_id)
UNION ALL
SELECT 'I6', h.org_id, h.id, format('%s hold with %s call events', h.state, coalesce(u.n, 0))
FROM hold h LEFT JOIN (SELECT id, count(*) AS n FROM usage_event WHERE kind = 'call' AND at >= since GROUP BY 1) u ON u.id = h.id
WHERE (h.state = 'open' OR h.closed_at >= since) AND coalesce(u.n, 0) <> CASE WHEN h.state IN ('captured', 'expired') THEN 1 ELSE 0 END
UNION ALL
SELECT 'I7', h.org_id, h.id, format('open, expired at %s', h.expires_at)
FROM hold h WHERE h.state = 'open' AND h.expires_at < clock_timestamp() - interval '60 seconds'
UNION ALL
SELECT 'I8', j.org_id, j.kind || ' ' || j.ref, format('entries sum up to %s', coalesce(sum(e.amount), 0))
FROM journal j LEFT JOIN entry e ON e.journal_id = j.id WHERE j.at >= since GROUP BY j.id HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.id) = 0
UNION ALL
SELECT 'I9', NULL, 'all accounts', format('sum %s', sum(amount)) FROM entry WHERE since = '-infinity' HAVING sum(amount) <> 0
UNION ALL
SELECT 'I10', w.org_id, w.org_id, format('posted %s, lots %s; restricted %s, lots %s', w.posted, coalesce(l.remaining, 0), w.restricted, coalesce(l.restricted, 0))
FROM wallet w LEFT JOIN lot l ON l.org_id = w.org_id
WHERE w.floor IS NOT NULL AND (coalesce(l.remaining, 0) <> greatest(w.posted, 0) OR coalesce(l.restricted, 0) <> w.restricted)
UNION ALL
SELECT 'I11', p.org_id, p.journal_id::text, format('%s took %s of positive balance, lots gave %s', p.kind,
  greatest(p.after - p.amount, 0) - greatest(p.after, 0), coalesce(d.amount, 0))
FROM posting p LEFT JOIN (
  SELECT d.journal_id, sum(d.amount) AS amount FROM lot_draw d JOIN journal x ON x.id = d.journal_id AND x.at >= since GROUP BY 1
) d ON d.journal_id = p.journal_id
WHERE p.floor IS NOT NULL AND (p.kind IN ('usage', 'late', 'expiry') OR p.amount < 0)
  -- what came before a change of mode had no lots
  AND NOT EXISTS (SELECT FROM journal m WHERE m.org_id = p.org_id AND m.kind = 'mode' AND m.reason = 'to service' AND m.id >= p.journal_id)
  AND coalesce(d.amount, 0) <> greatest(p.after - p.amount, 0) - greatest(p.after, 0)
UNION ALL
SELECT 'I12', t.org_id, t.id, format('posted %s, target %s', coalesce(p.amount, 0), t.captured_nano - t.refunded_nano - t.disputed_nano)
FROM topup t LEFT JOIN pi_posting p ON p.stripe_pi = t.stripe_pi AND p.org_id = t.org_id
WHERE coalesce(p.amount, 0) <> t.captured_nano - t.refunded_nano - t.disputed_nano
UNION ALL
SELECT 'I12', t.org_id, t.id, format('refunded %s, refund rows %s of captured %s', t.refunded_nano, coalesce(r.amount, 0), t.captured_nano)
FROM topup t LEFT JOIN (SELECT topup_id, sum(credit_nano) AS amount FROM refund WHERE state IN ('pending', 'succeeded') GROUP BY 1) r ON r.topup_id = t.id
WHERE t.refunded_nano < least(coalesce(r.amount, 0), t.captured_nano)
UNION ALL
SELECT 'I12', p.org_id, p.stripe_pi, 'credit of a payment without its top-up'
FROM pi_posting p WHERE NOT EXISTS (SELECT FROM topup t WHERE t.stripe_pi = p.stripe_pi AND t.org_id = p.org_id)
UNION ALL
SELECT 'I13', t.org_id, g.id, format('stripe_clearing moved by %s, Stripe''s balance by %s', coalesce(c.amount, 0), g.net)
FROM (SELECT coalesce(stripe_pi, id) AS id, max(stripe_pi) AS stripe_pi, sum(amount_minor - fee_minor) * 10000000 AS net FROM stripe_transaction GROUP BY 1) g
LEFT JOIN topup t ON t.stripe_pi = g.stripe_pi
LEFT JOIN (
  SELECT coalesce(s.stripe_pi, s.id, split_part(j.ref, ':', 2)) AS id, sum(e.amount) AS amount
  FROM journal j JOIN entry e ON e.journal_id = j.id AND e.account_id = 'stripe_clearing' LEFT JOIN stripe_transaction s ON s.id = j.ref AND j.kind = 'stripe'
  GROUP BY 1
) c ON c.id = g.id
WHERE coalesce(c.amount, 0) <> -g.net
UNION ALL
SELECT 'I13', t.org_id, t.id, 'paid two days ago, and Stripe''s balance shows nothing of it'
FROM topup t WHERE t.captured_nano > 0 AND t.paid_at < clock_timestamp() - interval '2 days'
  AND NOT EXISTS (SELECT FROM stripe_transaction s WHERE s.stripe_pi = t.stripe_pi AND s.type IN ('charge', 'payment'))
  -- the mirror has seen more since
  AND EXISTS (SELECT FROM stripe_transaction s WHERE s.created_at > t.paid_at + interval '1 day')
UNION ALL
SELECT 'I15', t.org_id, t.id, format('credited %s for a purchase of %s', p.bought, t.credit_nano)
FROM topup t JOIN pi_posting p ON p.stripe_pi = t.stripe_pi WHERE p.bought > t.credit_nano
UNION ALL
SELECT 'I15', min(u.org_id), u.id, format('%s call events', count(*)) FROM usage_event u WHERE u.at >= since AND u.kind = 'call' GROUP BY u.id HAVING count(*) > 1
UNION ALL
SELECT 'I15', min(u.org_id), u.parent_id, format('%s adjustments', count(*)) FROM usage_event u WHERE u.at >= since AND u.kind = 'adjust' GROUP BY u.parent_id HAVING count(*) > 1
UNION ALL
SELECT 'I17', l.org_id, concat_ws(':', l.scope, l.scope_id, l.period), format('spent %s, events %s', l.spent, coalesce(s.price, 0))
FROM limit_state l
CROSS JOIN LATERAL (
  SELECT sum(u.price_nano) AS price FROM usage_event u
  WHERE u.org_id = l.org_id AND (l.period_start IS NULL OR u.at >= l.period_start)
    AND l.scope_id = CASE l.scope WHEN 'key' THEN u.key_id WHEN 'app' THEN u.app_id WHEN 'member' THEN u.member_id ELSE u.org_id END
) s
WHERE l.period <> 'rate' AND coalesce(l.period_start, '-infinity') >= since AND l.spent <> coalesce(s.price, 0)
UNION ALL
-- what began before the window is summed up from the rollup, whose own window I18 compares with the events; longer periods than
-- a day only where the window is longer than a day, or each look would read more the older the period is
SELECT 'I17', l.org_id, concat_ws(':', l.scope, l.scope_id, l.period), format('spent %s, rollup %s', l.spent, coalesce(s.price, 0))
FROM limit_state l
CROSS JOIN LATERAL (
  SELECT sum(r.price_paid + r.price_promo) AS price FROM usage_rollup r
  WHERE r.org_id = l.org_id AND (l.period_start IS NULL OR r.bucket >= l.period_start)
    AND l.scope_id = CASE l.scope WHEN 'key' THEN r.key_id WHEN 'app' THEN r.app_id WHEN 'member' THEN r.member_id ELSE r.org_id END
) s
WHERE (l.period = 'day' OR l.period <> 'rate' AND since < clock_timestamp() - interval '1 day')
  AND coalesce(l.period_start, '-infinity') < since AND l.spent <> coalesce(s.price, 0)
  -- of what nobody has used since, nothing has changed
  AND EXISTS (SELECT FROM usage_rollup r WHERE r.org_id = l.org_id AND r.bucket > since)
UNION ALL
SELECT 'I18', coalesce(e.org_id, r.org_id), concat_ws(' ', coalesce(e.bucket, r.bucket), coalesce(e.key_id, r.key_id), coalesce(e.model_id, r.model_id)),
  format('events %s, rollup %s', (e.calls, e.price, e.promo, e.cost, e.waste, e.input, e.output), (r.calls, r.price, r.promo, r.cost, r.waste, r.input, r.output))
FROM event_sum e FULL JOIN rollup_sum r ON (r.org_id, r.bucket, r.key_id, r.model_id) = (e.org_id, e.bucket, e.key_id, e.model_id)
WHERE (e.calls, e.price, e.promo, e.cost, e.waste, e.input, e.output) IS DISTINCT FROM (r.calls, r.price, r.promo, r.cost, r.waste, r.input, r.output)
$$;
