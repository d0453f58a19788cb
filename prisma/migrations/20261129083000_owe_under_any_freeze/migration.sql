-- What runs under a person's freeze is owed too, and what a person wrote off is not given back by a late truth. Functions only.
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
  forgiven bigint;
  balance bigint; -- after it
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
    forgiven := 0;
    IF change < 0 AND w.floor IS NOT NULL THEN
      forgiven := least(-change, CASE
        WHEN EXISTS (SELECT FROM journal m WHERE m.org_id = late.org_id AND m.kind = 'mode' AND m.reason = 'to service' AND m.id > swept.journal_id) THEN swept.price_nano
        ELSE least((SELECT coalesce(-sum(e.amount), 0) FROM entry e WHERE e.journal_id = swept.journal_id AND e.account_id = 'bad_debt'),
          swept.price_nano - (SELECT coalesce(sum(d.amount), 0) FROM lot_draw d WHERE d.journal_id = swept.journal_id AND d.request_id = swept.id))
          + (SELECT greatest(coalesce(-sum(e.amount), 0), 0) FROM journal m JOIN entry e ON e.journal_id = m.id AND e.account_id = 'bad_debt'
            WHERE m.org_id = late.org_id AND m.at >= late.closed_at AND m.id > swept.journal_id AND (m.kind = 'late' OR (m.kind = 'write_off' AND m.ref NOT LIKE 'pi:%'))) END);
    END IF;
    balance := w.posted - change - forgiven;
    IF change <> 0 THEN
      INSERT INTO journal (org_id, kind, ref, at, actor) VALUES (late.org_id, 'late', late.hold_id, at, swept.node) RETURNING journal.id INTO journal;
      INSERT INTO entry (journal_id, account_id, amount) VALUES (journal, 'customer:' || late.org_id, -change), (journal, 'revenue', change);
      IF forgiven > 0 THEN
        INSERT INTO entry (journal_id, account_id, amount) VALUES (journal, 'customer:' || late.org_id, -forgiven), (journal, 'bad_debt', forgiven);
      END IF;
      UPDATE wallet x SET posted = balance, version = x.version + 1,
        status = CASE WHEN x.status = 'active' AND balance < x.floor THEN 'frozen' WHEN x.freeze_reason = 'negative' AND balance >= x.floor THEN 'active' ELSE x.status END,
        freeze_reason = CASE WHEN x.status = 'active' AND balance < x.floor THEN 'negative' WHEN x.freeze_reason = 'negative' AND balance >= x.floor THEN NULL ELSE x.freeze_reason END
      WHERE x.org_id = late.org_id;
      IF w.floor IS NOT NULL THEN
        promo := CASE
          WHEN change > 0 THEN draw_lots(late.org_id, late.hold_id, journal, least(change, greatest(w.posted, 0)), late.restricted_ok)
          ELSE return_lots(late.org_id, late.hold_id, journal, greatest(balance, 0) - greatest(w.posted, 0)) END;
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
