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

-- Starter credit is bound to cheap models until the first payment: frees what is left of it. The caller has the wallet's lock.
CREATE OR REPLACE FUNCTION free_credit(org text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  UPDATE credit_lot c SET restricted = false WHERE c.org_id = org AND c.restricted;
  UPDATE wallet w SET restricted = 0 WHERE w.org_id = org AND w.restricted > 0;
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

-- A debt that nobody will pay becomes the operator's loss: `amount` of a negative balance, idempotent by `key`. More than is owed: error
-- 22003. Ends a freeze for `negative` once nothing is owed.
CREATE OR REPLACE FUNCTION write_off(org text, amount bigint, key text, actor text, reason text)
RETURNS TABLE (applied boolean, posted bigint, held bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  w wallet;
  journal bigint;
BEGIN
  SELECT * INTO w FROM wallet WHERE org_id = org FOR NO KEY UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'organisation % has no wallet', org USING ERRCODE = 'no_data_found'; END IF;
  IF EXISTS (SELECT FROM journal WHERE kind = 'write_off' AND ref = key) THEN
    RETURN QUERY SELECT false, w.posted, w.held;
    RETURN;
  END IF;
  IF amount IS NULL OR amount <= 0 THEN RAISE EXCEPTION 'a write-off must be positive' USING ERRCODE = 'invalid_parameter_value'; END IF;
  IF w.floor IS NULL OR amount > -w.posted THEN
    RAISE EXCEPTION 'only % nano-USD are owed', greatest(-w.posted, 0) USING ERRCODE = 'numeric_value_out_of_range';
  END IF;
  INSERT INTO journal (org_id, kind, ref, at, actor, reason) VALUES (org, 'write_off', key, hub_now(), actor, reason) RETURNING id INTO journal;
  INSERT INTO entry (journal_id, account_id, amount)
  VALUES (journal, 'bad_debt', -write_off.amount), (journal, 'customer:' || org, write_off.amount);
  RETURN QUERY
  UPDATE wallet x SET posted = x.posted + write_off.amount, version = x.version + 1,
    status = CASE WHEN x.freeze_reason = 'negative' AND x.posted + write_off.amount >= x.floor THEN 'active' ELSE x.status END,
    freeze_reason = CASE WHEN x.freeze_reason = 'negative' AND x.posted + write_off.amount >= x.floor THEN NULL ELSE x.freeze_reason END
  WHERE x.org_id = org RETURNING true, x.posted, x.held;
END $$;

-- A person's word: `reason` freezes (a freeze for a dispute or fraud keeps its own name), NULL lifts a freeze for admin, fraud, or a
-- dispute that was lost. While a dispute is open nobody can lift it (error 55006); what is owed stays frozen as `negative`. Frozen wallets
-- are refused new holds and extensions. Returns the status.
CREATE OR REPLACE FUNCTION freeze_wallet(org text, reason text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  now_status text;
BEGIN
  PERFORM FROM wallet WHERE org_id = org FOR NO KEY UPDATE;
  IF reason IS NULL THEN
    IF EXISTS (SELECT FROM topup t WHERE t.org_id = org AND t.dispute = 'open') THEN
      RAISE EXCEPTION 'a dispute is open' USING ERRCODE = 'object_in_use';
    END IF;
    UPDATE topup t SET pardoned_at = hub_now() WHERE t.org_id = org AND t.dispute = 'lost' AND t.pardoned_at IS NULL;
  END IF;
  UPDATE wallet SET version = version + 1,
    status = CASE WHEN reason IS NOT NULL OR posted < floor THEN 'frozen' ELSE 'active' END,
    freeze_reason = CASE WHEN reason IS NOT NULL THEN reason WHEN posted < floor THEN 'negative' END
  WHERE org_id = org AND CASE WHEN reason IS NULL THEN freeze_reason IN ('admin', 'fraud', 'dispute')
    ELSE status = 'active' OR freeze_reason = 'negative' END;
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

-- Gives back as comp credit what streams cost that a shutdown of the hub cut off, each once. Returns how many. Where nobody pays
-- (enterprise) there is nothing to give back.
CREATE OR REPLACE FUNCTION compensate_shutdowns(batch int DEFAULT 500) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  cut record;
  given int := 0;
BEGIN
  FOR cut IN
    SELECT e.id, e.org_id, e.price_nano FROM usage_event e JOIN wallet w ON w.org_id = e.org_id AND w.floor IS NOT NULL
    WHERE e.finish_reason = 'shutdown' AND e.kind = 'call' AND e.price_nano > 0 AND e.at > hub_now() - interval '7 days'
      AND NOT EXISTS (SELECT FROM credit_lot c WHERE c.id = 'shutdown:' || e.id)
    ORDER BY e.org_id, e.id LIMIT batch
  LOOP
    PERFORM grant_credit(cut.org_id, cut.price_nano, 'comp', 'shutdown:' || cut.id, 'system', 'a restart of the hub cut this stream');
    given := given + 1;
  END LOOP;
  RETURN given;
END $$;
