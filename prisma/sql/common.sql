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

-- What a budget row has spent in the period that began at `begin`: periods roll by being read, forward only, and are written back
-- with the next change. Serves authorize, checkpoint, settle and sweep alike.
CREATE OR REPLACE FUNCTION roll_period(spent bigint, period_start timestamptz, begin timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN period_start < begin THEN 0 ELSE spent END
$$;

-- The first instants of the day, week and month of `at`, for functions that roll many rows: computing them for each row costs more
-- than reading it.
CREATE OR REPLACE FUNCTION period_begins(at timestamptz) RETURNS timestamptz[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT ARRAY[period_begin('day', at), period_begin('week', at), period_begin('month', at)]
$$;

-- That of `period` among them; NULL for total and rate.
CREATE OR REPLACE FUNCTION begin_of(begins timestamptz[], period text) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT begins[array_position('{day,week,month}', period)]
$$;

-- Whose limits bind a call, in the order in which they are tested. `org` is what the operator allows an organisation, `self` what it allows itself.
CREATE OR REPLACE FUNCTION limit_scopes(key text, app text, member text, org text) RETURNS TABLE (scope text, scope_id text, rank int)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5 AS $$
  SELECT * FROM (VALUES ('key', key, 1), ('app', app, 2), ('member', member, 3), ('org', org, 4), ('self', org, 5)) v(scope, scope_id, rank)
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
      reset_at timestamptz, retry_after_ms int, available bigint,
      period text); -- of the budget that refused it
  END IF;
  -- A limit_state row as authorize and checkpoint see it: rolled to the current period, with its rate window summed up.
  IF to_regtype('limit_view') IS NULL THEN
    CREATE TYPE limit_view AS (
      org text, scope text, scope_id text, period text, rank int, budget bigint, spent bigint, held bigint,
      max_concurrency int, inflight int, rpm int, tpm bigint, calls bigint, tokens bigint);
  END IF;
  -- A hold being closed, with everything its usage event needs. `state` is what the hold becomes: captured or expired.
  -- From `leader` to `promo`, post_settlements fills in what its wallet makes of it; the org_ columns are sums over the batch.
  IF to_regtype('settlement') IS NULL THEN
    CREATE TYPE settlement AS (
      ord int, org text, id text, state text, key text, app text, member text, model text,
      endpoint text, dialect text, stream boolean, started_at timestamptz, held bigint, restricted_ok boolean,
      tpm_reserved bigint, sec bigint, price_version bigint,
      outcome text, http_status int, price bigint, cost bigint, waste bigint, usage jsonb, usage_source text,
      provider text, upstream_model text, credential text, route text, upstream_id text, finish_reason text,
      latency_ms int, first_token_ms int, client_retry int, attempts jsonb,
      leader boolean, first_id text, org_price bigint, org_charged bigint, org_drawn bigint, org_held bigint, journal bigint, drawn bigint, lot text, promo bigint,
      client text);
  END IF;
END $$;
