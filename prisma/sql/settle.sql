-- Closes holds at their price and posts them: usage event, ledger, lots, limits, rollup. See settle_batch at the end.

-- Draws `amount` from an organisation's lots in burn order and returns what came from promotional or comp credit.
-- A call that may not use restricted lots draws them only when nothing else is left, so that lots always sum up to the balance.
CREATE OR REPLACE FUNCTION draw_lots(org text, request text, journal bigint, amount bigint, restricted_ok boolean) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  lot record;
  part bigint;
  rest bigint := amount;
  promo bigint := 0;
  barred bigint := 0;
BEGIN
  FOR lot IN
    SELECT c.id, c.remaining, c.source, c.restricted FROM credit_lot c WHERE c.org_id = draw_lots.org AND c.remaining > 0
    ORDER BY (c.restricted AND NOT draw_lots.restricted_ok), c.priority, c.expires_at NULLS LAST, c.created_at, c.id
  LOOP
    EXIT WHEN rest = 0;
    part := least(rest, lot.remaining);
    UPDATE credit_lot SET remaining = remaining - part WHERE id = lot.id;
    INSERT INTO lot_draw (org_id, journal_id, request_id, lot_id, amount) VALUES (org, journal, request, lot.id, part);
    rest := rest - part;
    IF lot.source <> 'paid' THEN promo := promo + part; END IF;
    IF lot.restricted THEN barred := barred + part; END IF;
  END LOOP;
  IF barred > 0 THEN
    UPDATE wallet SET restricted = restricted - barred WHERE org_id = org;
  END IF;
  RETURN promo;
END $$;

-- All tokens of a usage, as TPM counts them.
CREATE OR REPLACE FUNCTION usage_tokens(usage jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce((usage ->> 'input')::bigint, 0) + coalesce((usage ->> 'cacheRead')::bigint, 0) + coalesce((usage ->> 'cacheWrite')::bigint, 0)
    + coalesce((usage ->> 'cacheWrite1h')::bigint, 0) + coalesce((usage ->> 'audioInput')::bigint, 0) + coalesce((usage ->> 'imageInput')::bigint, 0)
    + coalesce((usage ->> 'videoInput')::bigint, 0) + coalesce((usage ->> 'output')::bigint, 0) + coalesce((usage ->> 'reasoning')::bigint, 0)
    + coalesce((usage ->> 'audioOutput')::bigint, 0) + coalesce((usage ->> 'imageOutput')::bigint, 0)
$$;

-- Gives back what closed holds took from their limits, and adds what they spent. TPM is corrected from the estimate to the
-- truth only while the call's second is still in its slot. Rows are found as in take_limits.
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

-- Posts settlements whose wallets the caller has locked and whose holds are open. One journal per wallet; write-offs in the
-- same journal. Everything carries the one timestamp `at`, so dashboards equal the ledger.
CREATE OR REPLACE FUNCTION post_settlements(items settlement[], at timestamptz, node text) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  posts settlement[];
  i int;
BEGIN
  -- What a wallet cannot bear above its floor is written off. A frozen one goes on owing what still ran: a dispute, a refund or a late
  -- truth may have taken credit that was held, also under a person's freeze, and won or paid back it must not have been free. Lots pay
  -- what lies above zero, calls in batch order. One row per organisation (the leader) stands for its sums. Mostly one lot pays for a whole
  -- batch: then it is named here. Where several must, or restricted credit is left, `lot` stays NULL and draw_lots walks them.
  WITH line AS MATERIALIZED (
    SELECT s, w.floor IS NOT NULL AS prepaid, w.posted, w.restricted, CASE WHEN w.floor IS NULL OR w.status = 'frozen' THEN 9e18 ELSE greatest(w.posted - w.floor, 0) END AS room,
      sum(coalesce(s.price, 0)) OVER upto AS upto, sum(coalesce(s.price, 0)) OVER whole AS org_price, sum(s.held) OVER whole AS org_held,
      row_number() OVER upto = 1 AS leader, min(s.id) OVER whole AS first_id
    FROM unnest(items) s JOIN wallet w ON w.org_id = s.org
    WINDOW whole AS (PARTITION BY s.org), upto AS (PARTITION BY s.org ORDER BY s.ord ROWS UNBOUNDED PRECEDING)
  ), priced AS MATERIALIZED (
    SELECT l.*, least(l.org_price, l.room) AS org_charged,
      CASE WHEN l.prepaid AND (l.s).price > 0 THEN greatest(least(l.upto, l.room, l.posted), 0) - greatest(least(l.upto - (l.s).price, l.room, l.posted), 0) ELSE 0 END AS drawn,
      CASE WHEN l.leader AND l.org_price > 0 THEN nextval('journal_id_seq') END AS journal, f.id AS lot, f.source
    FROM line l
    LEFT JOIN LATERAL (
      SELECT c.id, c.source, c.remaining FROM credit_lot c
      WHERE l.leader AND l.prepaid AND l.restricted = 0 AND l.org_price > 0 AND c.org_id = (l.s).org AND c.remaining > 0
      ORDER BY c.priority, c.expires_at NULLS LAST, c.created_at, c.id LIMIT 1
    ) f ON f.remaining >= least(l.org_price, l.room, l.posted)
  ), spread AS (
    SELECT p.s, p.leader, p.first_id, p.org_price, p.org_charged, p.org_held, p.drawn, sum(p.drawn) OVER org AS org_drawn,
      max(p.journal) OVER org AS journal, max(p.lot) OVER org AS lot, max(p.source) OVER org AS source
    FROM priced p WINDOW org AS (PARTITION BY (p.s).org)
  )
  SELECT array_agg(ROW((x.s).ord, (x.s).org, (x.s).id, (x.s).state, (x.s).key, (x.s).app, (x.s).member, (x.s).model,
    (x.s).endpoint, (x.s).dialect, (x.s).stream, (x.s).started_at, (x.s).held, (x.s).restricted_ok, (x.s).tpm_reserved, (x.s).sec, (x.s).price_version,
    (x.s).outcome, (x.s).http_status, (x.s).price, (x.s).cost, (x.s).waste, (x.s).usage, (x.s).usage_source,
    (x.s).provider, (x.s).upstream_model, (x.s).credential, (x.s).route, (x.s).upstream_id, (x.s).finish_reason,
    (x.s).latency_ms, (x.s).first_token_ms, (x.s).client_retry, (x.s).attempts,
    x.leader, x.first_id, x.org_price, x.org_charged, x.org_drawn, x.org_held, x.journal, x.drawn, x.lot,
    CASE WHEN x.drawn > 0 AND x.lot IS NOT NULL AND x.source <> 'paid' THEN x.drawn ELSE 0 END, (x.s).client)::settlement ORDER BY (x.s).ord)
  INTO posts FROM spread x;
  -- all become the same: captured, or expired
  UPDATE hold SET state = posts[1].state, closed_at = post_settlements.at WHERE id = ANY (ARRAY(SELECT p.id FROM unnest(posts) p));
  FOR i IN SELECT p.ordinality FROM unnest(posts) WITH ORDINALITY p WHERE p.drawn > 0 AND p.lot IS NULL ORDER BY 1 LOOP
    posts[i].promo := draw_lots(posts[i].org, posts[i].id, posts[i].journal, posts[i].drawn, posts[i].restricted_ok);
  END LOOP;

  WITH item AS MATERIALIZED (
    SELECT i.*, coalesce(i.price, 0) AS billed, u.*,
      latency_bucket(i.latency_ms) AS latency_in, latency_bucket(i.first_token_ms) AS first_token_in
    FROM unnest(posts) i
    CROSS JOIN LATERAL jsonb_to_record(i.usage) AS u(input int, "cacheRead" int, "cacheWrite" int, "cacheWrite1h" int,
      "audioInput" int, "imageInput" int, "videoInput" int, output int, reasoning int, "audioOutput" int, "imageOutput" int,
      images int, milliseconds bigint, characters bigint, requests int, "toolCalls" jsonb)
  ), booked AS (
    INSERT INTO journal (id, org_id, kind, ref, at, actor)
    SELECT journal, org, 'usage', 'settle:' || first_id, post_settlements.at, post_settlements.node FROM item WHERE leader AND journal IS NOT NULL
  ), entries AS (
    INSERT INTO entry (journal_id, account_id, amount)
    SELECT journal, e.account_id, e.amount FROM item
    CROSS JOIN LATERAL (VALUES
      ('customer:' || org, -org_price), ('revenue', org_price), ('bad_debt', org_charged - org_price), ('customer:' || org, org_price - org_charged)
    ) e(account_id, amount) WHERE leader AND journal IS NOT NULL AND e.amount <> 0
  ), draws AS (
    INSERT INTO lot_draw (org_id, journal_id, request_id, lot_id, amount)
    SELECT org, journal, id, lot, drawn FROM item WHERE lot IS NOT NULL AND drawn > 0
  ), emptied AS (
    UPDATE credit_lot c SET remaining = c.remaining - i.org_drawn FROM item i WHERE i.leader AND i.org_drawn > 0 AND c.id = i.lot
  ), event AS (
    INSERT INTO usage_event (id, at, org_id, started_at, kind, upstream_id, app_id, key_id, member_id, model_id, provider, upstream_model,
      credential_id, endpoint, dialect, route, stream, outcome, http_status, finish_reason, input_tokens, cache_read_tokens, cache_write_tokens,
      cache_write_1h_tokens, audio_input_tokens, image_input_tokens, video_input_tokens, output_tokens, reasoning_tokens, audio_output_tokens,
      image_output_tokens, images, milliseconds, characters, requests, tool_calls, usage_source, price_nano, promo_nano, cost_nano, waste_nano,
      held_nano, price_version_id, journal_id, latency_ms, first_token_ms, client_retry, client, node)
    SELECT id, post_settlements.at, org, started_at, 'call', upstream_id, app, key, member, model, provider, upstream_model,
      credential, endpoint, dialect, route, stream, outcome, http_status, finish_reason, coalesce(input, 0), coalesce("cacheRead", 0), coalesce("cacheWrite", 0),
      coalesce("cacheWrite1h", 0), coalesce("audioInput", 0), coalesce("imageInput", 0), coalesce("videoInput", 0), coalesce(output, 0), coalesce(reasoning, 0), coalesce("audioOutput", 0),
      coalesce("imageOutput", 0), coalesce(images, 0), coalesce(milliseconds, 0), coalesce(characters, 0), coalesce(requests, 0), "toolCalls", usage_source, price, promo, cost, waste,
      held, price_version, CASE WHEN price > 0 THEN journal END, latency_ms, first_token_ms, client_retry, client, post_settlements.node
    FROM item
  ), tried AS (
    INSERT INTO attempt (request_id, n, org_id, offer_id, provider, upstream_model, credential_id, outcome, http_status, usage,
      cost_nano, cost_version_id, first_token_ms, latency_ms, reason, routing)
    SELECT i.id, a.ordinality, i.org, a.offer, a.provider, a.upstream_model, a.credential, a.outcome, a.http_status, a.usage,
      a.cost, a.cost_version, a.first_token_ms, a.latency_ms, a.reason, a.routing
    FROM item i CROSS JOIN LATERAL ROWS FROM (jsonb_to_recordset(i.attempts) AS (offer text, provider text, upstream_model text, credential text,
      outcome text, http_status int, usage jsonb, cost bigint, cost_version bigint, first_token_ms int, latency_ms int, reason text, routing jsonb)) WITH ORDINALITY a
  ), paid AS (
    UPDATE wallet w SET held = w.held - i.org_held, posted = w.posted - i.org_charged, version = w.version + 1
    FROM item i WHERE i.leader AND w.org_id = i.org
  )
  INSERT INTO usage_rollup AS r (org_id, bucket, dims, node, app_id, key_id, member_id, model_id, provider, credential_id, endpoint, status,
    calls, input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, audio_input_tokens, image_input_tokens, video_input_tokens,
    output_tokens, reasoning_tokens, audio_output_tokens, image_output_tokens, images, milliseconds, characters,
    price_paid, price_promo, cost, waste, unpriced, latency_histogram, first_token_histogram)
  SELECT org, date_bin('15 minutes', post_settlements.at, 'epoch'), md5(ROW(app, key, member, model, provider, credential, endpoint, outcome)::text)::uuid,
    post_settlements.node, app, key, member, model, provider, credential, endpoint, outcome,
    count(*), coalesce(sum(input), 0), coalesce(sum("cacheRead"), 0), coalesce(sum("cacheWrite"), 0), coalesce(sum("cacheWrite1h"), 0),
    coalesce(sum("audioInput"), 0), coalesce(sum("imageInput"), 0), coalesce(sum("videoInput"), 0), coalesce(sum(output), 0), coalesce(sum(reasoning), 0),
    coalesce(sum("audioOutput"), 0), coalesce(sum("imageOutput"), 0), coalesce(sum(images), 0), coalesce(sum(milliseconds), 0), coalesce(sum(characters), 0),
    sum(billed - promo), sum(promo), coalesce(sum(cost), 0), sum(waste), count(*) FILTER (WHERE price IS NULL),
    ARRAY[count(*) FILTER (WHERE latency_in = 1), count(*) FILTER (WHERE latency_in = 2), count(*) FILTER (WHERE latency_in = 3), count(*) FILTER (WHERE latency_in = 4),
      count(*) FILTER (WHERE latency_in = 5), count(*) FILTER (WHERE latency_in = 6), count(*) FILTER (WHERE latency_in = 7), count(*) FILTER (WHERE latency_in = 8),
      count(*) FILTER (WHERE latency_in = 9), count(*) FILTER (WHERE latency_in = 10), count(*) FILTER (WHERE latency_in = 11), count(*) FILTER (WHERE latency_in = 12),
      count(*) FILTER (WHERE latency_in = 13), count(*) FILTER (WHERE latency_in = 14), count(*) FILTER (WHERE latency_in = 15), count(*) FILTER (WHERE latency_in = 16),
      count(*) FILTER (WHERE latency_in = 17), count(*) FILTER (WHERE latency_in = 18), count(*) FILTER (WHERE latency_in = 19), count(*) FILTER (WHERE latency_in = 20),
      count(*) FILTER (WHERE latency_in = 21), count(*) FILTER (WHERE latency_in = 22), count(*) FILTER (WHERE latency_in = 23), count(*) FILTER (WHERE latency_in = 24)],
    ARRAY[count(*) FILTER (WHERE first_token_in = 1), count(*) FILTER (WHERE first_token_in = 2), count(*) FILTER (WHERE first_token_in = 3), count(*) FILTER (WHERE first_token_in = 4),
      count(*) FILTER (WHERE first_token_in = 5), count(*) FILTER (WHERE first_token_in = 6), count(*) FILTER (WHERE first_token_in = 7), count(*) FILTER (WHERE first_token_in = 8),
      count(*) FILTER (WHERE first_token_in = 9), count(*) FILTER (WHERE first_token_in = 10), count(*) FILTER (WHERE first_token_in = 11), count(*) FILTER (WHERE first_token_in = 12),
      count(*) FILTER (WHERE first_token_in = 13), count(*) FILTER (WHERE first_token_in = 14), count(*) FILTER (WHERE first_token_in = 15), count(*) FILTER (WHERE first_token_in = 16),
      count(*) FILTER (WHERE first_token_in = 17), count(*) FILTER (WHERE first_token_in = 18), count(*) FILTER (WHERE first_token_in = 19), count(*) FILTER (WHERE first_token_in = 20),
      count(*) FILTER (WHERE first_token_in = 21), count(*) FILTER (WHERE first_token_in = 22), count(*) FILTER (WHERE first_token_in = 23), count(*) FILTER (WHERE first_token_in = 24)]
  FROM item
  GROUP BY org, app, key, member, model, provider, credential, endpoint, outcome
  ORDER BY 1, 3
  ON CONFLICT (org_id, bucket, dims, node) DO UPDATE SET
    calls = r.calls + excluded.calls, input_tokens = r.input_tokens + excluded.input_tokens,
    cache_read_tokens = r.cache_read_tokens + excluded.cache_read_tokens, cache_write_tokens = r.cache_write_tokens + excluded.cache_write_tokens,
    cache_write_1h_tokens = r.cache_write_1h_tokens + excluded.cache_write_1h_tokens, audio_input_tokens = r.audio_input_tokens + excluded.audio_input_tokens,
    image_input_tokens = r.image_input_tokens + excluded.image_input_tokens, video_input_tokens = r.video_input_tokens + excluded.video_input_tokens,
    output_tokens = r.output_tokens + excluded.output_tokens, reasoning_tokens = r.reasoning_tokens + excluded.reasoning_tokens,
    audio_output_tokens = r.audio_output_tokens + excluded.audio_output_tokens, image_output_tokens = r.image_output_tokens + excluded.image_output_tokens,
    images = r.images + excluded.images, milliseconds = r.milliseconds + excluded.milliseconds, characters = r.characters + excluded.characters,
    price_paid = r.price_paid + excluded.price_paid, price_promo = r.price_promo + excluded.price_promo, cost = r.cost + excluded.cost,
    waste = r.waste + excluded.waste, unpriced = r.unpriced + excluded.unpriced,
    latency_histogram = add_histogram(r.latency_histogram, excluded.latency_histogram),
    first_token_histogram = add_histogram(r.first_token_histogram, excluded.first_token_histogram);

  PERFORM release_limits(items, at);
END $$;

-- What calls with an Idempotency-Key came to, for those who ask again: done with its answer, unreplayable, or failed, which frees the key.
CREATE OR REPLACE FUNCTION keep_answers(items jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  WITH ended AS MATERIALIZED (
    SELECT h.org_id, h.key_id, i.id, i.idempotency AS said
    FROM jsonb_to_recordset(items) AS i(org text, id text, idempotency jsonb) JOIN hold h ON h.id = i.id AND h.org_id = i.org
    WHERE i.idempotency IS NOT NULL
  ), freed AS (
    DELETE FROM idempotency x USING ended e
    WHERE e.said ->> 'state' = 'failed' AND (x.org_id, x.key_id, x.path, x.key) = (e.org_id, e.key_id, e.said ->> 'path', e.said ->> 'key')
      AND x.request_id = e.id
  )
  UPDATE idempotency x SET state = e.said ->> 'state', response = e.said -> 'response'
  FROM ended e
  WHERE e.said ->> 'state' <> 'failed' AND (x.org_id, x.key_id, x.path, x.key) = (e.org_id, e.key_id, e.said ->> 'path', e.said ->> 'key')
    AND x.request_id = e.id;
END $$;

-- Settles up to 500 calls, no id twice. Holds that are not open any more are left alone (`applied` false, `prior_state` says why;
-- `missing`: no such hold, never charged). Exactly once comes from the hold's state, so the epoch does not matter here:
-- a new boot replays what its previous life left in the spool. Price NULL: unpriced.
CREATE OR REPLACE FUNCTION settle_batch(items jsonb, node text, epoch bigint)
RETURNS TABLE (ord int, id text, applied boolean, prior_state text, skipped boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  orgs text[];
  locked text[];
  partial boolean;
  at timestamptz;
  settlements settlement[];
BEGIN
  SELECT array_agg(DISTINCT x ->> 'org') INTO orgs FROM jsonb_array_elements(items) x;
  SELECT array_agg(w.org_id) INTO locked FROM (
    SELECT org_id FROM wallet WHERE org_id = ANY (orgs) ORDER BY org_id FOR NO KEY UPDATE SKIP LOCKED
  ) w;
  partial := cardinality(locked) IS DISTINCT FROM cardinality(orgs);
  at := hub_now();

  SELECT array_agg(ROW(i.ordinality, i.org, i.id, h.state, h.key_id, h.app_id, h.member_id, h.model_id,
      coalesce(h.ctx ->> 'endpoint', ''), coalesce(h.ctx ->> 'dialect', ''), coalesce((h.ctx ->> 'stream')::boolean, false), h.created_at, h.amount,
      h.restricted_ok, h.tpm_reserved, h.sec, h.price_version_id, i.outcome, i.http_status, i.price, i.cost, coalesce(i.waste, 0),
      coalesce(i.usage, '{}'), coalesce(i.usage_source, 'unknown'), i.provider, i.upstream_model, i.credential, i.route, i.upstream_id,
      i.finish_reason, i.latency_ms, i.first_token_ms, coalesce(i.client_retry, (h.ctx ->> 'client_retry')::int), i.attempts, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, h.ctx ->> 'client')::settlement)
  INTO settlements
  FROM ROWS FROM (jsonb_to_recordset(items) AS (org text, id text, outcome text, http_status int, price bigint, cost bigint, waste bigint,
    usage jsonb, usage_source text, provider text, upstream_model text, credential text, route text, upstream_id text, finish_reason text,
    latency_ms int, first_token_ms int, client_retry int, attempts jsonb)) WITH ORDINALITY i
  LEFT JOIN LATERAL (SELECT * FROM hold x WHERE x.id = i.id AND x.org_id = i.org OFFSET 0) h ON true -- see authorize_batch
  WHERE NOT partial OR i.org = ANY (locked);

  IF EXISTS (SELECT FROM unnest(settlements) s WHERE s.state = 'open') THEN
    PERFORM post_settlements(ARRAY(
      SELECT ROW(s.ord, s.org, s.id, 'captured', s.key, s.app, s.member, s.model, s.endpoint, s.dialect, s.stream, s.started_at, s.held,
        s.restricted_ok, s.tpm_reserved, s.sec, s.price_version, s.outcome, s.http_status, s.price, s.cost, s.waste, s.usage, s.usage_source,
        s.provider, s.upstream_model, s.credential, s.route, s.upstream_id, s.finish_reason, s.latency_ms, s.first_token_ms, s.client_retry,
        s.attempts, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, s.client)::settlement
      FROM unnest(settlements) s WHERE s.state = 'open'), at, settle_batch.node);
  END IF;
  IF EXISTS (SELECT FROM jsonb_array_elements(items) x WHERE x ? 'idempotency') THEN
    PERFORM keep_answers((SELECT jsonb_agg(x) FROM jsonb_array_elements(items) x
      WHERE x ? 'idempotency' AND (NOT partial OR x ->> 'org' = ANY (locked))));
  END IF;

  RETURN QUERY
    SELECT s.ord, s.id, s.state IS NOT DISTINCT FROM 'open', coalesce(s.state, 'missing'), false FROM unnest(settlements) s
    UNION ALL
    SELECT x.ordinality::int, x.value ->> 'id', false, NULL, true FROM jsonb_array_elements(items) WITH ORDINALITY x
    WHERE partial AND x.value ->> 'org' <> ALL (coalesce(locked, '{}')) AND EXISTS (SELECT FROM wallet w WHERE w.org_id = x.value ->> 'org')
    UNION ALL
    SELECT x.ordinality::int, x.value ->> 'id', false, 'missing', false FROM jsonb_array_elements(items) WITH ORDINALITY x
    WHERE partial AND NOT EXISTS (SELECT FROM wallet w WHERE w.org_id = x.value ->> 'org')
    ORDER BY 1;
END $$;
