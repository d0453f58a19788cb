-- Limits are found by key, whatever the planner thinks of the size of their tables: a plan made while limit_slot was empty went through
-- all of it again for each call. And the begins of periods are computed once a batch instead of for each row. Functions and a type only.
DROP FUNCTION roll_period(bigint, timestamptz, text, timestamptz);
ALTER TYPE limit_view DROP ATTRIBUTE reset_at;

CREATE OR REPLACE FUNCTION period_begins(at timestamptz) RETURNS timestamptz[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT ARRAY[period_begin('day', at), period_begin('week', at), period_begin('month', at)]
$$;

CREATE OR REPLACE FUNCTION begin_of(begins timestamptz[], period text) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT begins[array_position('{day,week,month}', period)]
$$;

CREATE OR REPLACE FUNCTION roll_period(spent bigint, period_start timestamptz, begin timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN period_start < begin THEN 0 ELSE spent END
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
      CROSS JOIN LATERAL (VALUES ('key', x.key), ('app', x.app), ('member', x.member), ('org', x.org)) v(scope, scope_id)
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
    CROSS JOIN LATERAL (VALUES ('key', i.key), ('app', i.app), ('member', i.member), ('org', i.org)) v(scope, scope_id)
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
    CROSS JOIN LATERAL (VALUES ('key', i.key), ('app', i.app), ('member', i.member), ('org', i.org)) v(scope, scope_id)
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
        AND (l.scope, l.scope_id) IN (('key', wish.key_id), ('app', wish.app_id), ('member', wish.member_id), ('org', wish.org_id));
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
        AND (l.scope, l.scope_id) IN (('key', swept.key_id), ('app', swept.app_id), ('member', swept.member_id), ('org', late.org_id));
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
