-- In service mode every key has a daily cap of its own: a day row beside any other budget, told apart by `is_cap`.
ALTER TABLE "limit_state" ADD COLUMN "is_cap" BOOLEAN NOT NULL DEFAULT false,
  ADD CONSTRAINT "limit_state_is_cap_check" CHECK (NOT "is_cap" OR "period" = 'day');

-- Starter credit alone pays for one call a second: when it last did.
ALTER TABLE "wallet" ADD COLUMN "starter_at" TIMESTAMPTZ(3);

-- Why a key is disabled that nobody disabled, and since when its spend is looked at again.
ALTER TABLE "api_key" ADD COLUMN "status_reason" TEXT, ADD COLUMN "resumed_at" TIMESTAMPTZ(3),
  ADD CONSTRAINT "api_key_status_reason_check" CHECK ("status_reason" = 'unusual_spend');

ALTER TYPE authorization_item ADD ATTRIBUTE period text;
DROP FUNCTION authorize_batch(jsonb, text, bigint, interval);
DROP FUNCTION grant_where_all_fit(authorization_item[], limit_view[]);

-- Decides at once the undecided items of every organisation in which all of them fit, wallet and limits taken together.
-- The others keep verdict NULL, as do those that only starter credit pays for (`starters`). Joins of unnested arrays are misjudged by the planner, hence the setting.
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
    CROSS JOIN LATERAL (VALUES ('key', u.key), ('app', u.app), ('member', u.member), ('org', u.org)) v(scope, scope_id)
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

-- Decides the items of one organisation one by one, in the order they came. A refused item consumes nothing, so a
-- smaller one behind it may pass; what fits between min_amount and want is granted.
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
          item.used_value := l.spent + l.held + taken[x]; item.reset_at := l.reset_at; item.period := l.period;
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

-- Holds up to 500 calls, in the order they came, no id twice. Item: {org, id, key, app, member, model, ctx, input_hash, amount,
-- min_amount, price_version, tokens_estimate, restricted_ok, idempotency?: {key, path, hash}}. A repeated item gets its first answer again.
-- `rates`: {rpm, calls, tpm, tokens} of the key in the last minute, this call included; NULL where the key has no rate limits.
-- `available` is what wallet and budgets leave this call, its own hold included; NULL where nothing bounds it.
-- `period` is that of a budget that refused. A fenced epoch (a newer boot has the node's name) holds nothing any more.
-- Plans are made once per connection, maybe while the tables are still empty. The settings and each OFFSET 0 keep them to
-- look-ups by key, whatever the tables grow to.
CREATE OR REPLACE FUNCTION authorize_batch(items jsonb, node text, epoch bigint, ttl interval)
RETURNS TABLE (ord int, granted boolean, amount bigint, refused_by text, scope text, limit_value bigint, used_value bigint,
  reset_at timestamptz, retry_after_ms int, available bigint, skipped boolean, rates jsonb, period text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  orgs text[];
  locked text[];
  at timestamptz;
  second bigint;
  checks authorization_item[];
  walked authorization_item[] := '{}';
  limits limit_view[];
  tight text;
  fenced boolean;
  starters text[];
  idempotent boolean;
  rates_by_key jsonb;
BEGIN
  -- Lock first, in a statement of its own, so that the next one sees what is committed. Never waits.
  SELECT array_agg(DISTINCT x ->> 'org') INTO orgs FROM jsonb_array_elements(items) x;
  SELECT array_agg(w.org_id) INTO locked FROM (
    SELECT org_id FROM wallet WHERE org_id = ANY (orgs) ORDER BY org_id FOR NO KEY UPDATE SKIP LOCKED
  ) w;
  at := hub_now();
  second := floor(extract(epoch FROM at));
  fenced := EXISTS (SELECT FROM node n WHERE n.id = authorize_batch.node AND n.epoch > authorize_batch.epoch);
  PERFORM expire_lots(w.org_id, at) FROM wallet w WHERE w.org_id = ANY (locked) AND w.next_expiry_at <= at;
  SELECT array_agg(w.org_id) INTO starters FROM wallet w WHERE w.org_id = ANY (locked) AND w.restricted > 0 AND w.posted <= w.restricted;

  SELECT array_agg(ROW(i.ordinality, i.org, i.id, i.key, i.app, i.member, i.model, i.ctx, i.input_hash,
      i.amount, least(i.min_amount, i.amount), i.price_version, coalesce(i.tokens_estimate, 0), coalesce(i.restricted_ok, false),
      w.posted - w.held - w.floor - CASE WHEN i.restricted_ok THEN 0 ELSE w.restricted END,
      CASE
        WHEN fenced OR w.org_id IS NULL THEN 'refused'
        WHEN cardinality(locked) IS DISTINCT FROM cardinality(orgs) AND i.org <> ALL (coalesce(locked, '{}')) THEN 'skipped'
        WHEN h.id IS NOT NULL THEN CASE WHEN h.state = 'open' AND h.org_id = i.org AND h.input_hash = i.input_hash THEN 'held' ELSE 'refused' END
        WHEN k.id IS NULL OR k.org_id <> i.org OR k.status <> 'active' OR k.expires_at <= at
          OR o.status IS DISTINCT FROM 'active' OR w.status <> 'active' THEN 'refused'
      END,
      h.amount,
      CASE
        WHEN fenced THEN 'fenced'
        WHEN w.org_id IS NULL THEN 'no_wallet'
        WHEN h.id IS NOT NULL THEN CASE
          WHEN h.org_id NOT IN ('', i.org) OR (h.input_hash <> i.input_hash AND h.org_id <> '') THEN 'idempotency_mismatch'
          WHEN h.state <> 'open' THEN 'voided' END
        WHEN k.id IS NULL OR k.org_id <> i.org OR k.status = 'revoked' THEN 'key_revoked'
        WHEN k.status = 'disabled' THEN 'key_disabled'
        WHEN k.expires_at <= at THEN 'key_expired'
        WHEN o.status IS DISTINCT FROM 'active' THEN 'org_suspended'
        WHEN w.status <> 'active' THEN 'wallet_frozen'
      END,
      NULL, NULL, NULL, NULL, NULL, w.posted - w.held - w.floor + coalesce(h.amount, 0), NULL)::authorization_item)
  INTO checks
  FROM ROWS FROM (jsonb_to_recordset(items) AS (org text, id text, key text, app text, member text, model text, ctx jsonb,
    input_hash text, amount bigint, min_amount bigint, price_version bigint, tokens_estimate bigint, restricted_ok boolean)) WITH ORDINALITY i
  LEFT JOIN wallet w ON w.org_id = i.org
  LEFT JOIN LATERAL (SELECT * FROM hold x WHERE x.id = i.id OFFSET 0) h ON true
  LEFT JOIN api_key k ON k.id = i.key
  LEFT JOIN org o ON o.id = i.org;

  idempotent := EXISTS (SELECT FROM jsonb_array_elements(items) x WHERE x ? 'idempotency');
  IF idempotent THEN
    checks := check_idempotency(checks, items, at);
  END IF;
  IF EXISTS (SELECT FROM unnest(locked) l(org) WHERE EXISTS (SELECT FROM limit_state s WHERE s.org_id = l.org)) THEN
    limits := load_limits(checks, at, second);
  END IF;
  checks := grant_where_all_fit(checks, limits, starters);
  FOR tight IN SELECT DISTINCT c.org FROM unnest(checks) c WHERE c.verdict IS NULL LOOP
    walked := walked || grant_one_by_one(ARRAY(SELECT c FROM unnest(checks) c WHERE c.org = tight AND c.verdict IS NULL), limits, at);
  END LOOP;
  IF cardinality(walked) > 0 THEN
    checks := ARRAY(SELECT c FROM unnest(checks) c WHERE c.verdict IS NOT NULL) || walked;
  END IF;

  WITH new AS MATERIALIZED (SELECT * FROM unnest(checks) WHERE verdict = 'granted'),
  held AS (
    INSERT INTO hold (id, org_id, key_id, app_id, member_id, model_id, input_hash, amount, restricted_ok, price_version_id,
      node, epoch, ctx, tpm_reserved, sec, created_at, expires_at)
    SELECT n.id, n.org, n.key, n.app, n.member, n.model, n.input_hash, n.amount, n.restricted_ok, n.price_version,
      authorize_batch.node, authorize_batch.epoch, coalesce(n.ctx, '{}'), n.tokens, second, at, at + ttl
    FROM new n ORDER BY n.id
  )
  UPDATE wallet w SET held = w.held + s.amount, version = w.version + 1, starter_at = CASE WHEN w.org_id = ANY (starters) THEN at ELSE w.starter_at END
  FROM (SELECT n.org, sum(n.amount)::bigint AS amount FROM new n GROUP BY n.org) s WHERE w.org_id = s.org;
  IF limits IS NOT NULL THEN
    PERFORM take_limits(checks, at, second);
  END IF;

  IF idempotent THEN
    PERFORM take_idempotency(checks, items, at);
  END IF;

  IF EXISTS (SELECT FROM unnest(limits) l WHERE l.rpm IS NOT NULL OR l.tpm IS NOT NULL) THEN
    rates_by_key := (SELECT jsonb_object_agg(r.org || '/' || r.key, r.rates) FROM key_rates(checks, limits) r);
  END IF;
  RETURN QUERY SELECT c.ord, c.verdict IN ('granted', 'held'), c.amount, c.refused_by, c.scope, c.limit_value, c.used_value,
    c.reset_at, c.retry_after_ms, c.available, c.verdict = 'skipped', rates_by_key -> (c.org || '/' || c.key),
    c.period
  FROM unnest(checks) c ORDER BY c.ord;
END $$;

-- Sets limits of one scope: {day, week, month, total: nano-USD budgets; cap: a budget of the day beside the others, in place of
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
  IF set_limits.scope = 'org' AND set_limits.scope_id <> org THEN
    RAISE EXCEPTION 'the org scope of % is itself', org USING ERRCODE = 'invalid_parameter_value';
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
-- old one follow, those with another keep it. Where there was none, every app key without a budget of the day gets it. Returns how many.
CREATE OR REPLACE FUNCTION change_default_cap(before bigint, after bigint) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  k record;
  changed int := 0;
BEGIN
  PERFORM FROM wallet ORDER BY org_id FOR NO KEY UPDATE;
  IF before IS NOT NULL AND after IS NULL THEN
    DELETE FROM limit_state l WHERE l.is_cap AND l.scope = 'key' AND l.budget = before;
    GET DIAGNOSTICS changed = ROW_COUNT;
  ELSIF before IS NOT NULL THEN
    UPDATE limit_state l SET budget = after WHERE l.is_cap AND l.scope = 'key' AND l.budget = before;
    GET DIAGNOSTICS changed = ROW_COUNT;
  ELSIF after IS NOT NULL THEN
    FOR k IN
      SELECT a.id, a.org_id FROM api_key a JOIN wallet w ON w.org_id = a.org_id AND w.floor IS NOT NULL
      WHERE a.kind = 'app' AND a.status <> 'revoked'
        AND NOT EXISTS (SELECT FROM limit_state l WHERE (l.org_id, l.scope, l.scope_id, l.period) = (a.org_id, 'key', a.id, 'day'))
      ORDER BY a.id
    LOOP
      PERFORM set_limits(k.org_id, 'key', k.id, jsonb_build_object('cap', after::text));
      changed := changed + 1;
    END LOOP;
  END IF;
  RETURN changed;
END $$;

-- Starter credit is bound to cheap models until the first payment: frees what is left of it. The caller has the wallet's lock.
CREATE OR REPLACE FUNCTION free_credit(org text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  UPDATE credit_lot c SET restricted = false WHERE c.org_id = org AND c.restricted;
  UPDATE wallet w SET restricted = 0 WHERE w.org_id = org AND w.restricted > 0;
END $$;

-- Adds credit as one lot. `credit_id` is the lot's id and makes it idempotent; the same id with other terms is an error (23505).
-- A negative balance is covered first: the lot starts with the rest. Cures a freeze for `negative`, no other.
CREATE OR REPLACE FUNCTION grant_credit(org text, amount bigint, source text, credit_id text, actor text, reason text,
  expires_at timestamptz DEFAULT NULL, restricted boolean DEFAULT false)
RETURNS TABLE (applied boolean, posted bigint, held bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  w wallet;
  at timestamptz;
  journal bigint;
  known credit_lot;
BEGIN
  SELECT * INTO w FROM wallet WHERE org_id = org FOR NO KEY UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'organisation % has no wallet', org USING ERRCODE = 'no_data_found'; END IF;
  at := hub_now();
  IF amount IS NULL OR amount <= 0 THEN RAISE EXCEPTION 'a credit must be positive' USING ERRCODE = 'invalid_parameter_value'; END IF;
  IF grant_credit.expires_at <= at THEN RAISE EXCEPTION 'a credit cannot expire in the past' USING ERRCODE = 'invalid_parameter_value'; END IF;
  SELECT * INTO known FROM credit_lot WHERE id = credit_id;
  IF FOUND THEN
    IF (known.org_id, known.amount, known.source) IS DISTINCT FROM (org, grant_credit.amount, grant_credit.source) THEN
      RAISE EXCEPTION 'credit % exists with other terms', credit_id USING ERRCODE = 'unique_violation';
    END IF;
    RETURN QUERY SELECT false, w.posted, w.held;
    RETURN;
  END IF;
  INSERT INTO journal (org_id, kind, ref, at, actor, reason)
  VALUES (org, CASE source WHEN 'paid' THEN 'topup' ELSE source END, credit_id, at, actor, reason) RETURNING id INTO journal;
  INSERT INTO entry (journal_id, account_id, amount)
  VALUES (journal, CASE source WHEN 'paid' THEN 'bank' ELSE 'promo_expense' END, -grant_credit.amount), (journal, 'customer:' || org, grant_credit.amount);
  -- an enterprise wallet has no lots: the row, with nothing remaining, keeps the grant idempotent and visible
  INSERT INTO credit_lot (id, org_id, source, amount, remaining, priority, restricted, expires_at, created_at)
  VALUES (credit_id, org, source, grant_credit.amount,
    CASE WHEN w.floor IS NULL THEN 0 ELSE greatest(w.posted + grant_credit.amount, 0) - greatest(w.posted, 0) END,
    CASE source WHEN 'promo' THEN 10 WHEN 'comp' THEN 20 ELSE 50 END, grant_credit.restricted, grant_credit.expires_at, at);
  IF source = 'paid' THEN PERFORM free_credit(org); END IF;
  RETURN QUERY
  UPDATE wallet x SET posted = x.posted + grant_credit.amount, version = x.version + 1,
    restricted = x.restricted + CASE WHEN grant_credit.restricted AND x.floor IS NOT NULL
      THEN greatest(x.posted + grant_credit.amount, 0) - greatest(x.posted, 0) ELSE 0 END,
    next_expiry_at = CASE WHEN x.floor IS NULL THEN NULL ELSE least(x.next_expiry_at, grant_credit.expires_at) END,
    status = CASE WHEN x.freeze_reason = 'negative' AND x.posted + grant_credit.amount >= x.floor THEN 'active' ELSE x.status END,
    freeze_reason = CASE WHEN x.freeze_reason = 'negative' AND x.posted + grant_credit.amount >= x.floor THEN NULL ELSE x.freeze_reason END
  WHERE x.org_id = org RETURNING true, x.posted, x.held;
END $$;

-- Posts one part of a payment's change under the wallet lock that apply_payment holds; returns what it posted.
-- Credit covers a negative balance first; a debit takes the payment's own lots first, then others in the order of burning, then
-- leaves the balance negative; what comes back returns to the lots it was taken from, last taken first.
CREATE OR REPLACE FUNCTION post_payment(topup text, kind text, counterpart text, change bigint, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
<<posting>>
DECLARE
  t topup;
  w wallet;
  journal bigint;
  own credit_lot;
  draw record;
  part bigint;
  rest bigint;
BEGIN
  IF change = 0 THEN RETURN 0; END IF;
  UPDATE topup x SET postings = x.postings + 1 WHERE x.id = post_payment.topup RETURNING * INTO t;
  SELECT * INTO w FROM wallet x WHERE x.org_id = t.org_id;
  INSERT INTO journal (org_id, kind, ref, at, actor, reason)
  VALUES (t.org_id, post_payment.kind, 'pi:' || t.stripe_pi || ':' || t.postings, post_payment.at, 'stripe', t.id) RETURNING id INTO journal;
  INSERT INTO entry (journal_id, account_id, amount) VALUES (journal, counterpart, -change), (journal, 'customer:' || t.org_id, change);
  SELECT * INTO own FROM credit_lot c WHERE c.id = t.id;
  IF NOT FOUND THEN
    INSERT INTO credit_lot (id, org_id, source, payment_id, amount, remaining, priority, created_at)
    VALUES (t.id, t.org_id, 'paid', t.stripe_pi, t.credit_nano, 0, 50, post_payment.at) RETURNING * INTO own;
  END IF;
  UPDATE wallet x SET posted = x.posted + change, version = x.version + 1 WHERE x.org_id = t.org_id;
  IF w.floor IS NULL THEN RETURN change; END IF; -- enterprise: no lots
  IF kind = 'topup' THEN PERFORM free_credit(t.org_id); END IF;

  IF change < 0 THEN
    rest := greatest(w.posted, 0) - greatest(w.posted + change, 0);
    FOR own IN SELECT * FROM credit_lot c WHERE c.org_id = t.org_id AND c.payment_id = t.stripe_pi AND c.remaining > 0 ORDER BY c.id LOOP
      part := least(rest, own.remaining);
      EXIT WHEN part = 0;
      UPDATE credit_lot SET remaining = remaining - part WHERE id = own.id;
      INSERT INTO lot_draw (org_id, journal_id, lot_id, amount) VALUES (t.org_id, journal, own.id, part);
      rest := rest - part;
    END LOOP;
    IF rest > 0 THEN PERFORM draw_lots(t.org_id, NULL, journal, rest, true); END IF;
    RETURN change;
  END IF;

  rest := greatest(w.posted + change, 0) - greatest(w.posted, 0);
  FOR draw IN
    SELECT c.id, c.restricted, c.expires_at, least(sum(d.amount), c.amount - c.remaining) AS taken
    FROM journal j JOIN lot_draw d ON d.journal_id = j.id JOIN credit_lot c ON c.id = d.lot_id
    WHERE post_payment.kind <> 'topup' AND j.kind IN ('topup', 'refund', 'dispute')
      AND j.ref = ANY (ARRAY(SELECT 'pi:' || t.stripe_pi || ':' || n FROM generate_series(1, t.postings) n))
    GROUP BY c.id HAVING sum(d.amount) > 0 ORDER BY max(d.id) DESC
  LOOP
    part := least(rest, draw.taken);
    CONTINUE WHEN part <= 0;
    UPDATE credit_lot SET remaining = remaining + part WHERE id = draw.id;
    INSERT INTO lot_draw (org_id, journal_id, lot_id, amount) VALUES (t.org_id, journal, draw.id, -part);
    UPDATE wallet x SET restricted = x.restricted + CASE WHEN draw.restricted THEN part ELSE 0 END,
      next_expiry_at = least(x.next_expiry_at, draw.expires_at) -- what has expired meanwhile expires again
    WHERE x.org_id = t.org_id;
    rest := rest - part;
  END LOOP;
  -- new credit, or what once made the balance negative
  SELECT least(rest, c.amount - c.remaining) INTO part FROM credit_lot c WHERE c.id = own.id;
  UPDATE credit_lot SET remaining = remaining + part WHERE id = own.id;
  IF rest > part THEN
    INSERT INTO credit_lot (id, org_id, source, payment_id, amount, remaining, priority, created_at)
    VALUES (t.id || ':' || t.postings, t.org_id, 'paid', t.stripe_pi, rest - part, rest - part, 50, post_payment.at);
  END IF;
  RETURN change;
END $$;

-- Keys that are there already get the default of DEFAULT_SETTINGS, 1,000 USD.
SELECT change_default_cap(NULL, 1000000000000);
