-- The money functions. Their readable source is prisma/sql/*.sql; a test compares the two.
-- The tables changed first are empty or small; ACCESS EXCLUSIVE for a moment.
SET lock_timeout = '5s';

ALTER TABLE "hold" ADD COLUMN "adjusted_at" TIMESTAMPTZ(3);
ALTER TABLE "lot_draw" DROP CONSTRAINT "lot_draw_pkey", ADD CONSTRAINT "lot_draw_pkey" PRIMARY KEY ("journal_id", "id");
DROP INDEX "lot_draw_journal_id_idx", "lot_draw_lot_id_idx";
-- its predicate kept updates of `remaining` from being heap-only
DROP INDEX "credit_lot_live_idx";
-- whoever may settle must not be able to mint credit
ALTER TABLE "usage_event" ADD CONSTRAINT "usage_event_price_nano_check" CHECK ("kind" = 'adjust' OR "price_nano" >= 0);
-- every hold is inserted, updated and closed within seconds: its partial indexes stay small only if vacuum keeps up
ALTER TABLE "hold" SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- What the money functions share.

-- The one clock, read once per function after its locks. Milliseconds, so that what is stored is what was compared.
-- Only the simulator replaces it.
CREATE OR REPLACE FUNCTION hub_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT date_trunc('milliseconds', clock_timestamp())
$$;

-- First instant of the budget period that holds `at`; NULL for total and rate. UTC, weeks start on Monday.
-- These three are STABLE, as date_trunc is: only then does the planner inline them.
CREATE OR REPLACE FUNCTION period_begin(period text, at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN period IN ('day', 'week', 'month') THEN date_trunc(period, at, 'UTC') END
$$;

-- When that period's budget starts anew; NULL where it never does.
CREATE OR REPLACE FUNCTION period_end(period text, at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE period
    WHEN 'day' THEN date_trunc('day', at, 'UTC') + interval '24 hours'
    WHEN 'week' THEN date_trunc('week', at, 'UTC') + interval '168 hours'
    WHEN 'month' THEN (date_trunc('month', at, 'UTC') AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC' END
$$;

-- What a budget row has spent in the period of `at`: periods roll by being read, forward only, and are written back
-- with the next change. Serves authorize, checkpoint, settle and sweep alike.
CREATE OR REPLACE FUNCTION roll_period(spent bigint, period_start timestamptz, period text, at timestamptz) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN period_start < period_begin(period, at) THEN 0 ELSE spent END
$$;

-- A latency histogram has 24 buckets; these are the lower bounds, in milliseconds, of all but the first: 5 x 1.75^n.
CREATE OR REPLACE FUNCTION latency_bounds() RETURNS int[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT '{5,9,15,27,47,82,144,251,440,770,1347,2357,4125,7219,12633,22108,38688,67704,118483,207345,362853,634993,1111238}'::int[]
$$;

-- Bucket 1..24 of a latency; NULL stays NULL and is counted nowhere.
CREATE OR REPLACE FUNCTION latency_bucket(milliseconds int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT width_bucket(milliseconds, '{5,9,15,27,47,82,144,251,440,770,1347,2357,4125,7219,12633,22108,38688,67704,118483,207345,362853,634993,1111238}'::int[]) + 1
$$;

-- Two histograms of 24 buckets, added. One plain expression, so that the planner inlines it into the rollup's upsert.
CREATE OR REPLACE FUNCTION add_histogram(a bigint[], b bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ARRAY[a[1]+b[1], a[2]+b[2], a[3]+b[3], a[4]+b[4], a[5]+b[5], a[6]+b[6], a[7]+b[7], a[8]+b[8],
    a[9]+b[9], a[10]+b[10], a[11]+b[11], a[12]+b[12], a[13]+b[13], a[14]+b[14], a[15]+b[15], a[16]+b[16],
    a[17]+b[17], a[18]+b[18], a[19]+b[19], a[20]+b[20], a[21]+b[21], a[22]+b[22], a[23]+b[23], a[24]+b[24]]
$$;

-- Composite types have no CREATE OR REPLACE.
DO $$
BEGIN
  -- One call on its way through authorize_batch: what was asked, then (from `verdict` on) what is answered.
  -- verdict: NULL undecided, granted (a new hold), held (it was granted before), refused, skipped (wallet locked elsewhere)
  IF to_regtype('authorization_item') IS NULL THEN
    CREATE TYPE authorization_item AS (
      ord int, org text, id text, key text, app text, member text, model text, ctx jsonb, input_hash text,
      want bigint, min_amount bigint, price_version bigint, tokens bigint, restricted_ok boolean,
      room bigint, -- what the wallet leaves this call before the batch; NULL: it never blocks
      verdict text, amount bigint, refused_by text, scope text, limit_value bigint, used_value bigint,
      reset_at timestamptz, retry_after_ms int, available bigint);
  END IF;
  -- A limit_state row as authorize and checkpoint see it: rolled to the current period, with its rate window summed up.
  IF to_regtype('limit_view') IS NULL THEN
    CREATE TYPE limit_view AS (
      org text, scope text, scope_id text, period text, rank int, budget bigint, spent bigint, held bigint,
      max_concurrency int, inflight int, rpm int, tpm bigint, calls bigint, tokens bigint, reset_at timestamptz);
  END IF;
  -- A hold being closed, with everything its usage event needs. `state` is what the hold becomes: captured or expired.
  -- From `leader` on, post_settlements fills in what its wallet makes of it; the org_ columns are sums over the batch.
  IF to_regtype('settlement') IS NULL THEN
    CREATE TYPE settlement AS (
      ord int, org text, id text, state text, key text, app text, member text, model text,
      endpoint text, dialect text, stream boolean, started_at timestamptz, held bigint, restricted_ok boolean,
      tpm_reserved bigint, sec bigint, price_version bigint,
      outcome text, http_status int, price bigint, cost bigint, waste bigint, usage jsonb, usage_source text,
      provider text, upstream_model text, credential text, route text, upstream_id text, finish_reason text,
      latency_ms int, first_token_ms int, client_retry int, attempts jsonb,
      leader boolean, first_id text, org_price bigint, org_charged bigint, org_drawn bigint, org_held bigint, journal bigint, drawn bigint, lot text, promo bigint);
  END IF;
END $$;

-- Wallets and credit. Amounts are nano-USD. Every function is idempotent by its reference.

-- floor NULL: enterprise, never blocks, has no lots. False: the organisation has a wallet already.
CREATE OR REPLACE FUNCTION create_wallet(org text, floor bigint DEFAULT 0) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO account (id, org_id, kind) VALUES ('customer:' || org, org, 'customer') ON CONFLICT (id) DO NOTHING;
  INSERT INTO wallet (org_id, floor) VALUES (org, create_wallet.floor) ON CONFLICT (org_id) DO NOTHING;
  RETURN FOUND;
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
  RETURN QUERY
  UPDATE wallet x SET posted = x.posted + grant_credit.amount, version = x.version + 1,
    restricted = x.restricted + CASE WHEN grant_credit.restricted AND x.floor IS NOT NULL
      THEN greatest(x.posted + grant_credit.amount, 0) - greatest(x.posted, 0) ELSE 0 END,
    next_expiry_at = CASE WHEN x.floor IS NULL THEN NULL ELSE least(x.next_expiry_at, grant_credit.expires_at) END,
    status = CASE WHEN x.freeze_reason = 'negative' AND x.posted + grant_credit.amount >= x.floor THEN 'active' ELSE x.status END,
    freeze_reason = CASE WHEN x.freeze_reason = 'negative' AND x.posted + grant_credit.amount >= x.floor THEN NULL ELSE x.freeze_reason END
  WHERE x.org_id = org RETURNING true, x.posted, x.held;
END $$;

-- A signed correction against revenue, with reason and actor, idempotent by `key`. What is taken must be there and not held:
-- otherwise error 22003. What is given becomes a comp lot without expiry.
CREATE OR REPLACE FUNCTION correct_balance(org text, amount bigint, key text, actor text, reason text)
RETURNS TABLE (applied boolean, posted bigint, held bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  w wallet;
  at timestamptz;
  journal bigint;
BEGIN
  SELECT * INTO w FROM wallet WHERE org_id = org FOR NO KEY UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'organisation % has no wallet', org USING ERRCODE = 'no_data_found'; END IF;
  at := hub_now();
  IF EXISTS (SELECT FROM journal WHERE kind = 'correction' AND ref = key) THEN
    IF NOT EXISTS (SELECT FROM journal j JOIN entry e ON e.journal_id = j.id
        WHERE j.kind = 'correction' AND j.ref = key AND e.account_id = 'customer:' || org AND e.amount = correct_balance.amount) THEN
      RAISE EXCEPTION 'correction % exists with other terms', key USING ERRCODE = 'unique_violation';
    END IF;
    RETURN QUERY SELECT false, w.posted, w.held;
    RETURN;
  END IF;
  IF coalesce(amount, 0) = 0 THEN RAISE EXCEPTION 'a correction must not be zero' USING ERRCODE = 'invalid_parameter_value'; END IF;
  IF amount < 0 AND w.posted - w.held - w.floor + amount < 0 THEN
    RAISE EXCEPTION 'only % nano-USD are available', w.posted - w.held - w.floor USING ERRCODE = 'numeric_value_out_of_range';
  END IF;
  INSERT INTO journal (org_id, kind, ref, at, actor, reason) VALUES (org, 'correction', key, at, actor, reason) RETURNING id INTO journal;
  INSERT INTO entry (journal_id, account_id, amount)
  VALUES (journal, 'revenue', -correct_balance.amount), (journal, 'customer:' || org, correct_balance.amount);
  IF w.floor IS NOT NULL AND amount < 0 THEN
    PERFORM draw_lots(org, NULL, journal, greatest(w.posted, 0) - greatest(w.posted + amount, 0), true);
  ELSIF w.floor IS NOT NULL THEN
    INSERT INTO credit_lot (id, org_id, source, amount, remaining, priority, created_at)
    VALUES ('correction:' || key, org, 'comp', amount, greatest(w.posted + amount, 0) - greatest(w.posted, 0), 20, at);
  END IF;
  RETURN QUERY
  UPDATE wallet x SET posted = x.posted + correct_balance.amount, version = x.version + 1,
    status = CASE WHEN x.freeze_reason = 'negative' AND x.posted + correct_balance.amount >= x.floor THEN 'active' ELSE x.status END,
    freeze_reason = CASE WHEN x.freeze_reason = 'negative' AND x.posted + correct_balance.amount >= x.floor THEN NULL ELSE x.freeze_reason END
  WHERE x.org_id = org RETURNING true, x.posted, x.held;
END $$;

-- reason NULL lifts an admin freeze; a freeze for another cause stays. New holds and extensions of a frozen wallet are refused.
CREATE OR REPLACE FUNCTION freeze_wallet(org text, reason text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  now_status text;
BEGIN
  UPDATE wallet SET version = version + 1,
    status = CASE WHEN reason IS NOT NULL THEN 'frozen' WHEN posted < floor THEN 'frozen' ELSE 'active' END,
    freeze_reason = CASE WHEN reason IS NOT NULL THEN reason WHEN posted < floor THEN 'negative' END
  WHERE org_id = org AND status <> 'closed' AND (reason IS NOT NULL OR freeze_reason = 'admin');
  SELECT status INTO now_status FROM wallet WHERE org_id = org;
  RETURN now_status;
END $$;

-- Expires what is due of an organisation whose wallet is locked. A hold granted before is honoured: only what is not held
-- expires; the wallet stays due until the rest has been spent or expired.
CREATE OR REPLACE FUNCTION expire_lots(org text, at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  lot record;
  room bigint;
  part bigint;
  total bigint := 0;
  journal bigint;
BEGIN
  SELECT greatest(w.posted - w.held, 0) INTO room FROM wallet w WHERE w.org_id = org;
  FOR lot IN
    SELECT c.id, c.remaining, c.restricted, (SELECT count(*) FROM journal j WHERE j.kind = 'expiry' AND j.ref LIKE 'lot:' || c.id || ':%') AS n
    FROM credit_lot c WHERE c.org_id = org AND c.remaining > 0 AND c.expires_at <= expire_lots.at ORDER BY c.expires_at, c.id
  LOOP
    part := least(lot.remaining, room - total);
    EXIT WHEN part <= 0;
    INSERT INTO journal (org_id, kind, ref, at, actor) VALUES (org, 'expiry', 'lot:' || lot.id || ':' || lot.n + 1, expire_lots.at, 'system') RETURNING id INTO journal;
    INSERT INTO entry (journal_id, account_id, amount) VALUES (journal, 'customer:' || org, -part), (journal, 'breakage', part);
    INSERT INTO lot_draw (org_id, journal_id, lot_id, amount) VALUES (org, journal, lot.id, part);
    UPDATE credit_lot SET remaining = remaining - part WHERE id = lot.id;
    UPDATE wallet SET posted = posted - part, restricted = restricted - CASE WHEN lot.restricted THEN part ELSE 0 END WHERE org_id = org;
    total := total + part;
  END LOOP;
  UPDATE wallet SET version = version + 1,
    next_expiry_at = (SELECT min(c.expires_at) FROM credit_lot c WHERE c.org_id = org AND c.remaining > 0)
  WHERE org_id = org;
  RETURN total;
END $$;

-- Expires due credit of up to `batch` organisations; returns how many had some. The worker calls it; authorize does it inline.
CREATE OR REPLACE FUNCTION expire_credit(batch int DEFAULT 200) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  org text;
  at timestamptz;
  touched int := 0;
BEGIN
  FOR org IN
    SELECT w.org_id FROM wallet w WHERE w.next_expiry_at <= hub_now() AND w.posted > w.held
    ORDER BY w.org_id LIMIT batch FOR NO KEY UPDATE SKIP LOCKED
  LOOP
    at := hub_now();
    IF expire_lots(org, at) > 0 THEN touched := touched + 1; END IF;
  END LOOP;
  RETURN touched;
END $$;

-- Sets limits of one scope: {day, week, month, total: nano-USD budgets; rpm, tpm, maxConcurrency}. A key that is absent stays
-- as it is, null removes it. Binds from the next statement. New rows start with what is held, running and spent already.
CREATE OR REPLACE FUNCTION set_limits(org text, scope text, scope_id text, limits jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  at timestamptz;
  budget_period text;
  start timestamptz;
BEGIN
  PERFORM FROM wallet WHERE org_id = org FOR NO KEY UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'organisation % has no wallet', org USING ERRCODE = 'no_data_found'; END IF;
  IF set_limits.scope = 'org' AND set_limits.scope_id <> org THEN
    RAISE EXCEPTION 'the org scope of % is itself', org USING ERRCODE = 'invalid_parameter_value';
  END IF;
  at := hub_now();
  FOREACH budget_period IN ARRAY '{day,week,month,total}'::text[] LOOP
    CONTINUE WHEN NOT limits ? budget_period;
    IF limits ->> budget_period IS NULL THEN
      DELETE FROM limit_state l WHERE l.org_id = org AND l.scope = set_limits.scope AND l.scope_id = set_limits.scope_id AND l.period = budget_period;
      CONTINUE;
    END IF;
    start := period_begin(budget_period, at);
    INSERT INTO limit_state AS l (org_id, scope, scope_id, period, budget, period_start, spent, held)
    SELECT org, set_limits.scope, set_limits.scope_id, budget_period, (limits ->> budget_period)::bigint, start,
      -- periods begin on a rollup's bucket, so the rollup knows their sum exactly
      (SELECT coalesce(sum(r.price_paid + r.price_promo), 0) FROM usage_rollup r
       WHERE r.org_id = org AND (start IS NULL OR r.bucket >= start)
         AND set_limits.scope_id = CASE set_limits.scope WHEN 'key' THEN r.key_id WHEN 'app' THEN r.app_id WHEN 'member' THEN r.member_id ELSE r.org_id END),
      (SELECT coalesce(sum(h.amount), 0) FROM hold h
       WHERE h.org_id = org AND h.state = 'open'
         AND set_limits.scope_id = CASE set_limits.scope WHEN 'key' THEN h.key_id WHEN 'app' THEN h.app_id WHEN 'member' THEN h.member_id ELSE h.org_id END)
    ON CONFLICT (org_id, scope, scope_id, period) DO UPDATE SET budget = excluded.budget;
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

-- Holds the worst-case price of up to 500 calls. See authorize_batch at the end; the functions before it are its parts.

-- The limit rows of every scope the undecided items name, in the order in which they are tested.
CREATE OR REPLACE FUNCTION load_limits(items authorization_item[], at timestamptz, second bigint) RETURNS limit_view[]
LANGUAGE sql STABLE AS $$
  SELECT array_agg(ROW(l.org_id, l.scope, l.scope_id, l.period, k.rank * 10 + array_position('{rate,day,week,month,total}', l.period),
      l.budget, roll_period(l.spent, l.period_start, l.period, at), l.held, l.max_concurrency, l.inflight,
      l.rpm, l.tpm, coalesce(s.calls, 0), coalesce(s.tokens, 0), period_end(l.period, at))::limit_view)
  FROM (
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
    WHERE org_id = l.org_id AND scope = l.scope AND scope_id = l.scope_id
      AND sec BETWEEN second - 60 AND second
  ) s ON l.rpm IS NOT NULL OR l.tpm IS NOT NULL
$$;

-- Decides at once the undecided items of every organisation in which all of them fit, wallet and limits taken together.
-- The others keep verdict NULL. Joins of unnested arrays are misjudged by the planner, hence the setting.
CREATE OR REPLACE FUNCTION grant_where_all_fit(items authorization_item[], limits limit_view[]) RETURNS authorization_item[]
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
    SELECT org FROM undecided WHERE want > left_over
    UNION
    SELECT org FROM scoped
    WHERE wanted > left_over OR (budget IS NOT NULL AND price_version IS NULL)
      OR inflight + nth > max_concurrency OR calls + nth > rpm OR window_tokens + estimated > tpm
  ),
  budget_room AS MATERIALIZED (SELECT ord, min(left_over - wanted + want) AS room FROM scoped GROUP BY ord)
  SELECT array_agg(CASE
      WHEN i.verdict IS NULL AND t.org IS NULL AND u.ord IS NOT NULL THEN
        ROW(i.ord, i.org, i.id, i.key, i.app, i.member, i.model, i.ctx, i.input_hash, i.want, i.min_amount, i.price_version, i.tokens,
          i.restricted_ok, i.room, 'granted', i.want, NULL, NULL, NULL, NULL, NULL, NULL, least(u.left_over, b.room))::authorization_item
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
          item.used_value := l.spent + l.held + taken[x]; item.reset_at := l.reset_at;
          EXIT;
        END IF;
        budget_room := least(budget_room, l.budget - l.spent - l.held - taken[x]);
      END LOOP;
    END IF;
    barred := CASE WHEN item.restricted_ok THEN 0 ELSE w.restricted END;
    credit_room := room - barred;
    IF item.refused_by IS NULL AND credit_room < item.min_amount THEN
      -- holds_only: posted credit would do, only open holds are in the way, so waiting may help
      item.refused_by := CASE WHEN w.posted - w.floor - barred >= item.min_amount THEN 'holds_only' ELSE 'insufficient_credits' END;
    END IF;
    item.available := least(credit_room, budget_room);
    IF item.refused_by IS NULL THEN
      item.verdict := 'granted';
      item.amount := least(item.want, credit_room, budget_room);
      room := room - item.amount;
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

-- Raises held, inflight and the rate windows of the limits of newly granted items.
CREATE OR REPLACE FUNCTION take_limits(items authorization_item[], at timestamptz, second bigint) RETURNS void
LANGUAGE sql VOLATILE AS $$
  WITH taken AS MATERIALIZED (
    SELECT i.org, v.scope, v.scope_id, sum(i.amount)::bigint AS amount, count(*)::int AS calls, sum(i.tokens)::bigint AS tokens
    FROM unnest(items) i
    CROSS JOIN LATERAL (VALUES ('key', i.key), ('app', i.app), ('member', i.member), ('org', i.org)) v(scope, scope_id)
    WHERE i.verdict = 'granted' AND v.scope_id IS NOT NULL
    GROUP BY 1, 2, 3
  ), state AS (
    UPDATE limit_state l SET
      spent = roll_period(l.spent, l.period_start, l.period, at),
      period_start = greatest(l.period_start, period_begin(l.period, at)),
      held = l.held + CASE WHEN l.period = 'rate' THEN 0 ELSE t.amount END,
      inflight = l.inflight + CASE WHEN l.period = 'rate' THEN t.calls ELSE 0 END
    FROM taken t WHERE l.org_id = t.org AND l.scope = t.scope AND l.scope_id = t.scope_id
    RETURNING l.org_id, l.scope, l.scope_id, l.rpm, l.tpm, t.calls, t.tokens
  )
  INSERT INTO limit_slot AS s (org_id, scope, scope_id, slot, sec, calls, tokens)
  SELECT org_id, scope, scope_id, second % 64, second, calls, tokens FROM state WHERE rpm IS NOT NULL OR tpm IS NOT NULL
  ON CONFLICT (org_id, scope, scope_id, slot) DO UPDATE SET
    calls = CASE WHEN s.sec = excluded.sec THEN s.calls + excluded.calls ELSE excluded.calls END,
    tokens = CASE WHEN s.sec = excluded.sec THEN s.tokens + excluded.tokens ELSE excluded.tokens END,
    sec = excluded.sec
$$;

-- Holds up to 500 calls, in the order they came, no id twice. Item: {org, id, key, app, member, model, ctx, input_hash, amount,
-- min_amount, price_version, tokens_estimate, restricted_ok}. A repeated item gets its first answer again.
-- `available` is what wallet and budgets leave this call, its own hold included; NULL where nothing bounds it.
-- Plans are made once per connection, maybe while the tables are still empty. The settings and each OFFSET 0 keep them to
-- look-ups by key, whatever the tables grow to.
CREATE OR REPLACE FUNCTION authorize_batch(items jsonb, node text, epoch bigint, ttl interval)
RETURNS TABLE (ord int, granted boolean, amount bigint, refused_by text, scope text, limit_value bigint, used_value bigint,
  reset_at timestamptz, retry_after_ms int, available bigint, skipped boolean)
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
BEGIN
  -- Lock first, in a statement of its own, so that the next one sees what is committed. Never waits.
  SELECT array_agg(DISTINCT x ->> 'org') INTO orgs FROM jsonb_array_elements(items) x;
  SELECT array_agg(w.org_id) INTO locked FROM (
    SELECT org_id FROM wallet WHERE org_id = ANY (orgs) ORDER BY org_id FOR NO KEY UPDATE SKIP LOCKED
  ) w;
  at := hub_now();
  second := floor(extract(epoch FROM at));
  PERFORM expire_lots(w.org_id, at) FROM wallet w WHERE w.org_id = ANY (locked) AND w.next_expiry_at <= at;

  SELECT array_agg(ROW(i.ordinality, i.org, i.id, i.key, i.app, i.member, i.model, i.ctx, i.input_hash,
      i.amount, least(i.min_amount, i.amount), i.price_version, coalesce(i.tokens_estimate, 0), coalesce(i.restricted_ok, false),
      w.posted - w.held - w.floor - CASE WHEN i.restricted_ok THEN 0 ELSE w.restricted END,
      CASE
        WHEN w.org_id IS NULL THEN 'refused'
        WHEN cardinality(locked) IS DISTINCT FROM cardinality(orgs) AND i.org <> ALL (coalesce(locked, '{}')) THEN 'skipped'
        WHEN h.id IS NOT NULL THEN CASE WHEN h.state = 'open' AND h.org_id = i.org AND h.input_hash = i.input_hash THEN 'held' ELSE 'refused' END
        WHEN k.id IS NULL OR k.org_id <> i.org OR k.status <> 'active' OR k.expires_at <= at
          OR o.status IS DISTINCT FROM 'active' OR w.status <> 'active' THEN 'refused'
      END,
      h.amount,
      CASE
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
      NULL, NULL, NULL, NULL, NULL, w.posted - w.held - w.floor + coalesce(h.amount, 0))::authorization_item)
  INTO checks
  FROM ROWS FROM (jsonb_to_recordset(items) AS (org text, id text, key text, app text, member text, model text, ctx jsonb,
    input_hash text, amount bigint, min_amount bigint, price_version bigint, tokens_estimate bigint, restricted_ok boolean)) WITH ORDINALITY i
  LEFT JOIN wallet w ON w.org_id = i.org
  LEFT JOIN LATERAL (SELECT * FROM hold x WHERE x.id = i.id OFFSET 0) h ON true
  LEFT JOIN api_key k ON k.id = i.key
  LEFT JOIN org o ON o.id = i.org;

  IF EXISTS (SELECT FROM unnest(locked) l(org) WHERE EXISTS (SELECT FROM limit_state s WHERE s.org_id = l.org)) THEN
    limits := load_limits(checks, at, second);
  END IF;
  checks := grant_where_all_fit(checks, limits);
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
  UPDATE wallet w SET held = w.held + s.amount, version = w.version + 1
  FROM (SELECT n.org, sum(n.amount)::bigint AS amount FROM new n GROUP BY n.org) s WHERE w.org_id = s.org;
  IF limits IS NOT NULL THEN
    PERFORM take_limits(checks, at, second);
  END IF;

  RETURN QUERY SELECT c.ord, c.verdict IN ('granted', 'held'), c.amount, c.refused_by, c.scope, c.limit_value, c.used_value,
    c.reset_at, c.retry_after_ms, c.available, c.verdict = 'skipped'
  FROM unnest(checks) c ORDER BY c.ord;
END $$;

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
-- truth only while the call's second is still in its slot.
CREATE OR REPLACE FUNCTION release_limits(items settlement[], at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM (SELECT DISTINCT i.org FROM unnest(items) i) o WHERE EXISTS (SELECT FROM limit_state l WHERE l.org_id = o.org)) THEN
    RETURN;
  END IF;
  WITH closed AS MATERIALIZED (
    SELECT i.org, v.scope, v.scope_id, i.held, i.price, i.sec, i.drift
    FROM (SELECT x.org, x.key, x.app, x.member, x.held, x.sec, coalesce(x.price, 0) AS price, usage_tokens(x.usage) - x.tpm_reserved AS drift FROM unnest(items) x OFFSET 0) i
    CROSS JOIN LATERAL (VALUES ('key', i.key), ('app', i.app), ('member', i.member), ('org', i.org)) v(scope, scope_id)
    WHERE v.scope_id IS NOT NULL
  ), given AS (
    UPDATE limit_state l SET
      spent = roll_period(l.spent, l.period_start, l.period, release_limits.at) + CASE WHEN l.period = 'rate' THEN 0 ELSE c.price END,
      period_start = greatest(l.period_start, period_begin(l.period, release_limits.at)),
      held = l.held - CASE WHEN l.period = 'rate' THEN 0 ELSE c.held END,
      inflight = l.inflight - CASE WHEN l.period = 'rate' THEN c.calls ELSE 0 END
    FROM (SELECT org, scope, scope_id, sum(held)::bigint AS held, sum(price)::bigint AS price, count(*)::int AS calls FROM closed GROUP BY 1, 2, 3) c
    WHERE l.org_id = c.org AND l.scope = c.scope AND l.scope_id = c.scope_id
  )
  UPDATE limit_slot s SET tokens = greatest(s.tokens + c.drift, 0)
  FROM (SELECT org, scope, scope_id, sec, sum(drift)::bigint AS drift FROM closed GROUP BY 1, 2, 3, 4) c
  WHERE s.org_id = c.org AND s.scope = c.scope AND s.scope_id = c.scope_id AND s.slot = c.sec % 64 AND s.sec = c.sec AND c.drift <> 0;
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
  -- What a wallet cannot bear above its floor is written off; a balance already below it bears nothing. Lots pay what lies above
  -- zero, calls in batch order. One row per organisation (the leader) stands for its sums. Mostly one lot pays for a whole
  -- batch: then it is named here. Where several must, or restricted credit is left, `lot` stays NULL and draw_lots walks them.
  WITH line AS MATERIALIZED (
    SELECT s, w.floor IS NOT NULL AS prepaid, w.posted, w.restricted, CASE WHEN w.floor IS NULL THEN 9e18 ELSE greatest(w.posted - w.floor, 0) END AS room,
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
    CASE WHEN x.drawn > 0 AND x.lot IS NOT NULL AND x.source <> 'paid' THEN x.drawn ELSE 0 END)::settlement ORDER BY (x.s).ord)
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
      held_nano, price_version_id, journal_id, latency_ms, first_token_ms, client_retry, node)
    SELECT id, post_settlements.at, org, started_at, 'call', upstream_id, app, key, member, model, provider, upstream_model,
      credential, endpoint, dialect, route, stream, outcome, http_status, finish_reason, coalesce(input, 0), coalesce("cacheRead", 0), coalesce("cacheWrite", 0),
      coalesce("cacheWrite1h", 0), coalesce("audioInput", 0), coalesce("imageInput", 0), coalesce("videoInput", 0), coalesce(output, 0), coalesce(reasoning, 0), coalesce("audioOutput", 0),
      coalesce("imageOutput", 0), coalesce(images, 0), coalesce(milliseconds, 0), coalesce(characters, 0), coalesce(requests, 0), "toolCalls", usage_source, price, promo, cost, waste,
      held, price_version, CASE WHEN price > 0 THEN journal END, latency_ms, first_token_ms, client_retry, post_settlements.node
    FROM item
  ), tried AS (
    INSERT INTO attempt (request_id, n, org_id, offer_id, provider, upstream_model, credential_id, outcome, http_status, usage,
      cost_nano, cost_version_id, first_token_ms, latency_ms)
    SELECT i.id, a.ordinality, i.org, a.offer, a.provider, a.upstream_model, a.credential, a.outcome, a.http_status, a.usage,
      a.cost, a.cost_version, a.first_token_ms, a.latency_ms
    FROM item i CROSS JOIN LATERAL ROWS FROM (jsonb_to_recordset(i.attempts) AS (offer text, provider text, upstream_model text, credential text,
      outcome text, http_status int, usage jsonb, cost bigint, cost_version bigint, first_token_ms int, latency_ms int)) WITH ORDINALITY a
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
      i.finish_reason, i.latency_ms, i.first_token_ms, coalesce(i.client_retry, (h.ctx ->> 'client_retry')::int), i.attempts, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::settlement)
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
        s.attempts, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::settlement
      FROM unnest(settlements) s WHERE s.state = 'open'), at, settle_batch.node);
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

-- The truth arrives after the sweeper closed a hold: posts the difference once, as a usage event of kind `adjust`.
-- Item: as for settle_batch. Only this, refunds and disputes may take a balance below its floor; the wallet is then frozen.
-- `delta` is what was charged on top (negative: given back). Not applied: not swept, or adjusted before.
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
      images int, milliseconds bigint, characters bigint, requests int)
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
      UPDATE limit_state l SET spent = roll_period(l.spent, l.period_start, l.period, at) + change,
        period_start = greatest(l.period_start, period_begin(l.period, at))
      WHERE l.org_id = late.org_id AND l.period <> 'rate'
        AND (l.scope, l.scope_id) IN (('key', swept.key_id), ('app', swept.app_id), ('member', swept.member_id), ('org', late.org_id));
    END IF;
    UPDATE hold h SET adjusted_at = at WHERE h.id = late.hold_id;
    INSERT INTO usage_event (id, at, org_id, started_at, kind, parent_id, upstream_id, app_id, key_id, member_id, model_id, provider, upstream_model,
      credential_id, endpoint, dialect, route, stream, outcome, http_status, finish_reason, input_tokens, cache_read_tokens, cache_write_tokens,
      cache_write_1h_tokens, audio_input_tokens, image_input_tokens, video_input_tokens, output_tokens, reasoning_tokens, audio_output_tokens,
      image_output_tokens, images, milliseconds, characters, requests, usage_source, price_nano, promo_nano, cost_nano, waste_nano,
      price_version_id, journal_id, latency_ms, first_token_ms, node)
    VALUES ('adj_' || late.hold_id, at, late.org_id, swept.started_at, 'adjust', late.hold_id, late.upstream_id, swept.app_id, swept.key_id, swept.member_id,
      swept.model_id, late.provider, late.upstream_model, late.credential, swept.endpoint, swept.dialect, late.route, swept.stream, late.outcome,
      late.http_status, late.finish_reason, coalesce(late.input, 0) - swept.input_tokens, coalesce(late."cacheRead", 0) - swept.cache_read_tokens,
      coalesce(late."cacheWrite", 0) - swept.cache_write_tokens, coalesce(late."cacheWrite1h", 0) - swept.cache_write_1h_tokens,
      coalesce(late."audioInput", 0) - swept.audio_input_tokens, coalesce(late."imageInput", 0) - swept.image_input_tokens,
      coalesce(late."videoInput", 0) - swept.video_input_tokens, coalesce(late.output, 0) - swept.output_tokens, coalesce(late.reasoning, 0) - swept.reasoning_tokens,
      coalesce(late."audioOutput", 0) - swept.audio_output_tokens, coalesce(late."imageOutput", 0) - swept.image_output_tokens,
      coalesce(late.images, 0) - swept.images, coalesce(late.milliseconds, 0) - swept.milliseconds, coalesce(late.characters, 0) - swept.characters,
      coalesce(late.requests, 0) - swept.requests, coalesce(late.usage_source, 'unknown'),
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
  RETURN promo;
END $$;

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
      g.restricted_ok, g.tpm_reserved, g.sec, g.price_version_id, NULL, NULL, 0, 0, 0, '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::settlement)
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
        'cost', c.accrued_cost, 'cost_version', c.ctx -> 'cost_version')) END, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::settlement)
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

-- Life signs of gateway processes and workers. Each boot takes a new epoch, which fences the holds of the previous life.

CREATE OR REPLACE FUNCTION node_boot(node text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO node AS n (id, epoch, booted_at, beat_at) VALUES (node_boot.node, 1, hub_now(), hub_now())
  ON CONFLICT (id) DO UPDATE SET epoch = n.epoch + 1, booted_at = excluded.booted_at, beat_at = excluded.beat_at, spool_replayed = NULL
  RETURNING epoch
$$;

-- Every 5 s. False: a newer boot has taken the name, so this process must stop.
CREATE OR REPLACE FUNCTION node_heartbeat(node text, epoch bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH beat AS (
    UPDATE node n SET beat_at = hub_now() WHERE n.id = node_heartbeat.node AND n.epoch = node_heartbeat.epoch RETURNING 1
  )
  SELECT EXISTS (SELECT FROM beat)
$$;

-- The new boot has settled what its previous life left in the spool: what is still open of older epochs may be swept.
CREATE OR REPLACE FUNCTION node_spool_replayed(node text, epoch bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH mark AS (
    UPDATE node n SET spool_replayed = hub_now(), beat_at = hub_now()
    WHERE n.id = node_spool_replayed.node AND n.epoch = node_spool_replayed.epoch RETURNING 1
  )
  SELECT EXISTS (SELECT FROM mark)
$$;

-- A gateway found the upstream refusing this credential: it is out of use until somebody tests it anew.
CREATE OR REPLACE FUNCTION disable_credential(credential text, reason text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH changed AS (
    UPDATE credential c SET status = 'disabled', status_reason = left(reason, 500), updated_at = hub_now()
    WHERE c.id = disable_credential.credential AND c.status = 'active' RETURNING 1
  )
  SELECT EXISTS (SELECT FROM changed)
$$;

-- Counts refused calls and keeps the latest, at most 10 a second for each key.
-- Item: {id, org, app, key, member?, model, endpoint, dialect, stream, http_status, rule}.
CREATE OR REPLACE FUNCTION log_refusals(items jsonb, node text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $$
#variable_conflict use_column
<<listing>>
DECLARE
  at timestamptz := hub_now();
BEGIN
  WITH item AS MATERIALIZED (
    SELECT i.*, row_number() OVER (PARTITION BY i.key ORDER BY i.ordinality) AS nth
    FROM ROWS FROM (jsonb_to_recordset(items) AS (id text, org text, app text, key text, member text, model text, endpoint text, dialect text,
      stream boolean, http_status int, rule text)) WITH ORDINALITY i
  ), listed AS (
    INSERT INTO refusal (id, org_id, at, app_id, key_id, member_id, model_id, endpoint, dialect, stream, http_status, rule)
    SELECT i.id, i.org, at, i.app, i.key, i.member, i.model, i.endpoint, i.dialect, coalesce(i.stream, false), i.http_status, i.rule
    FROM item i
    WHERE i.nth <= 10 - (SELECT count(*) FROM refusal f WHERE f.org_id = i.org AND f.at > listing.at - interval '1 second' AND f.key_id = i.key)
    ON CONFLICT (id) DO NOTHING
  )
  INSERT INTO refusal_rollup AS r (org_id, bucket, key_id, model_id, rule, node, calls)
  SELECT i.org, date_bin('15 minutes', at, 'epoch'), i.key, i.model, i.rule, log_refusals.node, count(*)
  FROM item i GROUP BY i.org, i.key, i.model, i.rule ORDER BY 1, 3, 4, 5
  ON CONFLICT (org_id, bucket, key_id, model_id, rule, node) DO UPDATE SET calls = r.calls + excluded.calls;
END $$;

-- Deletes listed refusals older than `age`, at most `batch` at a time; returns how many. The counts stay.
CREATE OR REPLACE FUNCTION prune_refusals(age interval DEFAULT '7 days', batch int DEFAULT 5000) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  pruned int;
BEGIN
  DELETE FROM refusal WHERE id IN (SELECT f.id FROM refusal f WHERE f.at < hub_now() - age ORDER BY f.at LIMIT batch);
  GET DIAGNOSTICS pruned = ROW_COUNT;
  RETURN pruned;
END $$;

-- What the gateway may read of money: one organisation at a time.

-- The usage event of a request, by its id or by the upstream's (then the newest), with its late adjustment if there is one.
CREATE OR REPLACE FUNCTION find_usage(org text, id text) RETURNS SETOF usage_event
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH call AS (
    SELECT e.id FROM usage_event e
    WHERE e.org_id = find_usage.org AND (e.id = find_usage.id OR e.upstream_id = find_usage.id) AND e.kind = 'call'
    ORDER BY e.id = find_usage.id DESC, e.at DESC LIMIT 1
  )
  SELECT e.* FROM call c JOIN usage_event e ON e.id IN (c.id, 'adj_' || c.id) WHERE e.org_id = find_usage.org ORDER BY e.at
$$;

CREATE OR REPLACE FUNCTION read_wallet(org text)
RETURNS TABLE (posted bigint, held bigint, restricted bigint, floor bigint, available bigint, status text, freeze_reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT w.posted, w.held, w.restricted, w.floor, w.posted - w.held - w.floor, w.status, w.freeze_reason
  FROM wallet w WHERE w.org_id = read_wallet.org
$$;

-- The invariants of the ledger that stored data can answer. Empty means healthy. I12-I14 need Stripe or the access log,
-- I16 (price = recompute of usage at the pinned version) the pricing code.
CREATE OR REPLACE VIEW violations AS
WITH posting AS (
  SELECT w.org_id, w.floor, j.id AS journal_id, j.kind, e.amount, sum(e.amount) OVER (PARTITION BY w.org_id ORDER BY j.id) AS after
  FROM wallet w
  JOIN (SELECT account_id, journal_id, sum(amount) AS amount FROM entry GROUP BY 1, 2) e ON e.account_id = 'customer:' || w.org_id
  JOIN journal j ON j.id = e.journal_id
), open_hold AS (
  SELECT h.org_id, v.scope, v.scope_id, sum(h.amount) AS amount, count(*) AS n
  FROM hold h CROSS JOIN LATERAL (VALUES ('key', h.key_id), ('app', h.app_id), ('member', h.member_id), ('org', h.org_id)) v(scope, scope_id)
  WHERE h.state = 'open' AND v.scope_id IS NOT NULL GROUP BY 1, 2, 3
), lot AS (
  SELECT org_id, sum(remaining) AS remaining, sum(remaining) FILTER (WHERE restricted) AS restricted FROM credit_lot GROUP BY 1
), event_sum AS (
  SELECT org_id, date_bin('15 minutes', at, 'epoch') AS bucket, key_id, model_id, count(*) FILTER (WHERE kind = 'call') AS calls,
    coalesce(sum(price_nano), 0) AS price, sum(promo_nano) AS promo, coalesce(sum(cost_nano), 0) AS cost, sum(waste_nano) AS waste,
    sum(input_tokens) AS input, sum(output_tokens) AS output FROM usage_event GROUP BY 1, 2, 3, 4
), rollup_sum AS (
  SELECT org_id, bucket, key_id, model_id, sum(calls) AS calls, sum(price_paid + price_promo) AS price, sum(price_promo) AS promo,
    sum(cost) AS cost, sum(waste) AS waste, sum(input_tokens) AS input, sum(output_tokens) AS output FROM usage_rollup GROUP BY 1, 2, 3, 4
)
SELECT 'I1' AS rule, w.org_id, w.org_id AS ref, format('posted %s, entries %s', w.posted, coalesce(e.total, 0)) AS detail
FROM wallet w LEFT JOIN (SELECT account_id, sum(amount) AS total FROM entry GROUP BY 1) e ON e.account_id = 'customer:' || w.org_id
WHERE w.posted <> coalesce(e.total, 0)
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
LEFT JOIN (SELECT journal_id, sum(amount) AS amount FROM entry WHERE account_id = 'revenue' GROUP BY 1) r ON r.journal_id = j.id
LEFT JOIN (SELECT journal_id, sum(price_nano) AS price FROM usage_event GROUP BY 1) u ON u.journal_id = j.id
WHERE j.kind IN ('usage', 'late') AND coalesce(r.amount, 0) <> coalesce(u.price, 0)
UNION ALL
SELECT 'I5', j.org_id, j.ref, 'journal without usage events'
FROM journal j WHERE j.kind IN ('usage', 'late') AND NOT EXISTS (SELECT FROM usage_event u WHERE u.journal_id = j.id)
UNION ALL
SELECT 'I5', u.org_id, u.id, 'priced event without journal'
FROM usage_event u WHERE u.price_nano <> 0 AND NOT EXISTS (SELECT FROM journal j WHERE j.id = u.journal_id AND j.org_id = u.org_id)
UNION ALL
SELECT 'I6', h.org_id, h.id, format('%s hold with %s call events', h.state, coalesce(u.n, 0))
FROM hold h LEFT JOIN (SELECT id, count(*) AS n FROM usage_event WHERE kind = 'call' GROUP BY 1) u ON u.id = h.id
WHERE coalesce(u.n, 0) <> CASE WHEN h.state IN ('captured', 'expired') THEN 1 ELSE 0 END
UNION ALL
SELECT 'I7', h.org_id, h.id, format('open, expired at %s', h.expires_at)
FROM hold h WHERE h.state = 'open' AND h.expires_at < clock_timestamp() - interval '60 seconds'
UNION ALL
SELECT 'I8', j.org_id, j.kind || ' ' || j.ref, format('entries sum up to %s', coalesce(sum(e.amount), 0))
FROM journal j LEFT JOIN entry e ON e.journal_id = j.id GROUP BY j.id HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.id) = 0
UNION ALL
SELECT 'I9', NULL, 'all accounts', format('sum %s', sum(amount)) FROM entry HAVING sum(amount) <> 0
UNION ALL
SELECT 'I10', w.org_id, w.org_id, format('posted %s, lots %s; restricted %s, lots %s', w.posted, coalesce(l.remaining, 0), w.restricted, coalesce(l.restricted, 0))
FROM wallet w LEFT JOIN lot l ON l.org_id = w.org_id
WHERE w.floor IS NOT NULL AND (coalesce(l.remaining, 0) <> greatest(w.posted, 0) OR coalesce(l.restricted, 0) <> w.restricted)
UNION ALL
SELECT 'I11', p.org_id, p.journal_id::text, format('%s took %s of positive balance, lots gave %s', p.kind,
  greatest(p.after - p.amount, 0) - greatest(p.after, 0), coalesce(d.amount, 0))
FROM posting p LEFT JOIN (SELECT journal_id, sum(amount) AS amount FROM lot_draw GROUP BY 1) d ON d.journal_id = p.journal_id
WHERE p.floor IS NOT NULL AND (p.kind IN ('usage', 'late', 'expiry') OR p.amount < 0)
  -- what came before a change of mode had no lots
  AND NOT EXISTS (SELECT FROM journal m WHERE m.org_id = p.org_id AND m.kind = 'mode' AND m.reason = 'to service' AND m.id >= p.journal_id)
  AND coalesce(d.amount, 0) <> greatest(p.after - p.amount, 0) - greatest(p.after, 0)
UNION ALL
SELECT 'I15', min(u.org_id), u.id, format('%s call events', count(*)) FROM usage_event u WHERE u.kind = 'call' GROUP BY u.id HAVING count(*) > 1
UNION ALL
SELECT 'I15', min(u.org_id), u.parent_id, format('%s adjustments', count(*)) FROM usage_event u WHERE u.kind = 'adjust' GROUP BY u.parent_id HAVING count(*) > 1
UNION ALL
SELECT 'I17', l.org_id, concat_ws(':', l.scope, l.scope_id, l.period), format('spent %s, events %s', l.spent, coalesce(s.price, 0))
FROM limit_state l
CROSS JOIN LATERAL (
  SELECT sum(u.price_nano) AS price FROM usage_event u
  WHERE u.org_id = l.org_id AND (l.period_start IS NULL OR u.at >= l.period_start)
    AND l.scope_id = CASE l.scope WHEN 'key' THEN u.key_id WHEN 'app' THEN u.app_id WHEN 'member' THEN u.member_id ELSE u.org_id END
) s
WHERE l.period <> 'rate' AND l.spent <> coalesce(s.price, 0)
UNION ALL
SELECT 'I18', coalesce(e.org_id, r.org_id), concat_ws(' ', coalesce(e.bucket, r.bucket), coalesce(e.key_id, r.key_id), coalesce(e.model_id, r.model_id)),
  format('events %s, rollup %s', (e.calls, e.price, e.promo, e.cost, e.waste, e.input, e.output), (r.calls, r.price, r.promo, r.cost, r.waste, r.input, r.output))
FROM event_sum e FULL JOIN rollup_sum r ON (r.org_id, r.bucket, r.key_id, r.model_id) = (e.org_id, e.bucket, e.key_id, e.model_id)
WHERE (e.calls, e.price, e.promo, e.cost, e.waste, e.input, e.output) IS DISTINCT FROM (r.calls, r.price, r.promo, r.cost, r.waste, r.input, r.output);

