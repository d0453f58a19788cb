-- The truth arrives after the sweeper closed a hold: posts the difference once, as a usage event of kind `adjust`.
-- Item: as for settle_batch. Only this, refunds and disputes may take a balance below its floor; the wallet is then frozen, and free
-- again once it is back. `delta` is what was charged on top (negative: given back). Not applied: not swept, or adjusted before.
-- Nobody gets back what they never paid: what was written off, by the sweep or by a person since, or closed with a showback balance, is
-- taken back from there first.
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

-- Puts `amount` back into the lots a request drew from, last drawn first, and returns what went to promotional or comp credit.
-- What was taken below zero came from no lot, and whoever paid the debt since has it in one of its own.
CREATE OR REPLACE FUNCTION return_lots(org text, request text, journal bigint, amount bigint) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  draw record;
  part bigint;
  rest bigint := amount;
  promo bigint := 0;
BEGIN
  FOR draw IN
    SELECT d.lot_id, d.amount, c.source, c.restricted, c.expires_at FROM usage_event e
    JOIN lot_draw d ON d.journal_id = e.journal_id AND d.request_id = e.id AND d.amount > 0
    JOIN credit_lot c ON c.id = d.lot_id
    WHERE e.org_id = return_lots.org AND e.id = return_lots.request ORDER BY d.id DESC
  LOOP
    EXIT WHEN rest <= 0;
    part := least(rest, draw.amount);
    UPDATE credit_lot SET remaining = remaining + part WHERE id = draw.lot_id;
    INSERT INTO lot_draw (org_id, journal_id, request_id, lot_id, amount) VALUES (org, journal, request, draw.lot_id, -part);
    UPDATE wallet SET restricted = restricted + CASE WHEN draw.restricted THEN part ELSE 0 END,
      next_expiry_at = least(next_expiry_at, draw.expires_at) -- an expired lot's part expires again
    WHERE org_id = org;
    rest := rest - part;
    IF draw.source <> 'paid' THEN promo := promo - part; END IF;
  END LOOP;
  IF rest > 0 THEN
    INSERT INTO credit_lot (id, org_id, source, amount, remaining, priority, created_at)
    VALUES ('late:' || return_lots.request, return_lots.org, 'paid', rest, rest, 50, hub_now());
    INSERT INTO lot_draw (org_id, journal_id, request_id, lot_id, amount) VALUES (org, journal, request, 'late:' || return_lots.request, -rest);
  END IF;
  RETURN promo;
END $$;
