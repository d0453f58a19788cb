-- Holds the worst-case price of up to 500 calls. See authorize_batch at the end; the functions before it are its parts.

-- The limit rows of every scope the undecided items name, in the order in which they are tested.
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

-- Milliseconds until `need` more fits into a rate window: until the slot that blocks it is more than 60 s old.
-- `granted` is what this batch has already taken in the current second, which the table does not show yet.
CREATE OR REPLACE FUNCTION rate_retry_ms(l limit_view, tokens boolean, need bigint, granted bigint, at timestamptz) RETURNS int
LANGUAGE sql STABLE AS $$
  WITH slot AS (
    SELECT sec, sum(n) AS n FROM (
      SELECT s.sec, CASE WHEN rate_retry_ms.tokens THEN s.tokens ELSE s.calls END AS n FROM limit_slot s
      WHERE s.org_id = l.org AND s.scope = l.scope AND s.scope_id = l.scope_id
        AND s.sec BETWEEN floor(extract(epoch FROM at))::bigint - 60 AND floor(extract(epoch FROM at))::bigint
      UNION ALL SELECT floor(extract(epoch FROM at))::bigint, granted
    ) x GROUP BY sec
  ), newer AS (
    SELECT sec, sum(n) OVER (ORDER BY sec DESC) - n AS n FROM slot
  )
  SELECT ((min(sec) + 61) * 1000 - floor(extract(epoch FROM at) * 1000))::int FROM newer
  WHERE n + need <= CASE WHEN rate_retry_ms.tokens THEN l.tpm ELSE l.rpm END
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

-- Raises held, inflight and the rate windows of the limits of newly granted items. The wallet's lock keeps each row in its place between
-- the look-up by key and the update; one statement that joins both is planned the wrong way round while the table is small.
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

-- What a client's Idempotency-Key says of undecided items. One that has run answers with its outcome, one that still runs asks to
-- come again; `scope` then names the request that has the key. One of which nothing is left (voided, or swept before it had put
-- anything out) may run anew. The wallet's lock keeps two nodes from passing here at once.
CREATE OR REPLACE FUNCTION check_idempotency(checks authorization_item[], items jsonb, at timestamptz) RETURNS authorization_item[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
  i int;
  wanted jsonb;
  known record;
  rule text;
  seen text[] := '{}';
  name text;
BEGIN
  FOR i IN 1..cardinality(checks) LOOP
    wanted := items -> (checks[i].ord - 1) -> 'idempotency';
    CONTINUE WHEN checks[i].verdict IS NOT NULL OR wanted IS NULL;
    name := ROW(checks[i].org, checks[i].key, wanted ->> 'path', wanted ->> 'key')::text;
    SELECT x.body_hash, x.state, x.request_id, h.state AS hold_state, h.units INTO known
    FROM idempotency x LEFT JOIN hold h ON h.id = x.request_id
    WHERE (x.org_id, x.key_id, x.path, x.key) = (checks[i].org, checks[i].key, wanted ->> 'path', wanted ->> 'key') AND x.expires_at > at;
    rule := CASE
      WHEN name = ANY (seen) THEN 'idempotency_in_flight'
      WHEN known IS NULL OR (known.state = 'running' AND (known.hold_state = 'voided' OR (known.hold_state = 'expired' AND known.units = 0))) THEN NULL
      WHEN known.body_hash <> wanted ->> 'hash' THEN 'idempotency_mismatch'
      WHEN known.state = 'done' THEN 'idempotency_replay'
      WHEN known.state = 'running' AND known.hold_state = 'open' THEN 'idempotency_in_flight'
      ELSE 'idempotency_replay_unavailable'
    END;
    seen := seen || name;
    CONTINUE WHEN rule IS NULL;
    checks[i].verdict := 'refused';
    checks[i].refused_by := rule;
    checks[i].scope := known.request_id;
  END LOOP;
  RETURN checks;
END $$;

-- Keeps the Idempotency-Keys of newly granted items for a day.
CREATE OR REPLACE FUNCTION take_idempotency(checks authorization_item[], items jsonb, at timestamptz) RETURNS void
LANGUAGE sql VOLATILE AS $$
  INSERT INTO idempotency AS x (org_id, key_id, path, key, body_hash, request_id, state, expires_at)
  SELECT c.org, c.key, w.wanted ->> 'path', w.wanted ->> 'key', w.wanted ->> 'hash', c.id, 'running', at + interval '24 hours'
  FROM unnest(checks) c CROSS JOIN LATERAL (SELECT items -> (c.ord - 1) -> 'idempotency' AS wanted) w
  WHERE c.verdict = 'granted' AND w.wanted IS NOT NULL
  ON CONFLICT (org_id, key_id, path, key) DO UPDATE SET body_hash = excluded.body_hash, request_id = excluded.request_id,
    state = 'running', response = NULL, expires_at = excluded.expires_at
$$;

-- How much of its rates a key has left after this batch: {rpm, calls, tpm, tokens}, NULL where it has none.
CREATE OR REPLACE FUNCTION key_rates(checks authorization_item[], limits limit_view[]) RETURNS TABLE (org text, key text, rates jsonb)
LANGUAGE sql STABLE SET enable_nestloop = off SET enable_hashjoin = on AS $$
  SELECT l.org, l.scope_id, jsonb_build_object('rpm', l.rpm, 'calls', l.calls + coalesce(t.calls, 0), 'tpm', l.tpm, 'tokens', l.tokens + coalesce(t.tokens, 0))
  FROM unnest(limits) l
  LEFT JOIN (SELECT c.org, c.key, count(*) AS calls, sum(c.tokens)::bigint AS tokens FROM unnest(checks) c WHERE c.verdict = 'granted' GROUP BY 1, 2) t
    ON t.org = l.org AND t.key = l.scope_id
  WHERE l.scope = 'key' AND (l.rpm IS NOT NULL OR l.tpm IS NOT NULL)
$$;

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
