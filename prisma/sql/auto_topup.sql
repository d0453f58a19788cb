-- Automatic top-ups. Each is a topup row with the saved card it charges (payment_method); apply_payment credits it as any other.

-- Begins a top-up for every organisation that wants one, and returns their rows; the caller has them charged. One in flight each
-- (topup_one_in_flight), at most 3 in 10 minutes, within the caps of the UTC day and month. Balances count as posted: what
-- running calls hold charges nobody. Any number of workers may call at once.
CREATE OR REPLACE FUNCTION begin_auto_topups(live boolean) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  org text;
BEGIN
  FOR org IN
    SELECT a.org_id FROM auto_topup a JOIN wallet w ON w.org_id = a.org_id
    WHERE a.state = 'on' AND a.livemode = live AND w.posted - w.floor < a.threshold_nano AND auto_topup_is_due(a.org_id)
    ORDER BY a.org_id FOR NO KEY UPDATE OF a SKIP LOCKED
  LOOP
    -- judged again under the lock: whoever had it may have begun one that is paid by now
    RETURN QUERY INSERT INTO topup (id, org_id, actor_id, credit_nano, currency, amount_minor, livemode, stripe_customer, payment_method, created_at)
      SELECT 'top_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 26), a.org_id, a.actor_id, a.amount_nano, 'usd',
        a.amount_nano / 10000000, a.livemode, a.stripe_customer, a.payment_method, hub_now()
      FROM auto_topup a WHERE a.org_id = org AND auto_topup_is_due(org)
      ON CONFLICT DO NOTHING RETURNING id;
  END LOOP;
END $$;

-- Whether the saved card may be charged at all: still wanted, and the balance not frozen for anything that a top-up does not cure.
CREATE OR REPLACE FUNCTION auto_topup_may_charge(org text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM auto_topup a JOIN wallet w ON w.org_id = a.org_id
    WHERE a.org_id = org AND a.state = 'on' AND w.floor IS NOT NULL AND (w.status = 'active' OR (w.status = 'frozen' AND w.freeze_reason = 'negative'))
  )
$$;

CREATE OR REPLACE FUNCTION auto_topup_is_due(org text) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM auto_topup a JOIN wallet w ON w.org_id = a.org_id
    CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE t.state IN ('created', 'processing', 'needs_action')) AS in_flight,
        count(*) FILTER (WHERE t.created_at > hub_now() - interval '10 minutes') AS of_late,
        coalesce(sum(t.credit_nano) FILTER (WHERE t.state <> 'failed' AND t.created_at >= date_trunc('day', hub_now(), 'UTC')), 0) AS today,
        coalesce(sum(t.credit_nano) FILTER (WHERE t.state <> 'failed' AND t.created_at >= date_trunc('month', hub_now(), 'UTC')), 0) AS this_month
      FROM topup t WHERE t.org_id = a.org_id AND t.payment_method IS NOT NULL
    ) x
    WHERE a.org_id = org AND w.posted - w.floor < a.threshold_nano AND auto_topup_may_charge(org)
      AND (a.next_attempt_at IS NULL OR a.next_attempt_at <= hub_now()) AND x.in_flight = 0 AND x.of_late < 3
      AND x.today + a.amount_nano <= a.daily_cap_nano AND x.this_month + a.amount_nano <= a.monthly_cap_nano
  )
$$;

-- Switches it off until a person switches it on again.
CREATE OR REPLACE FUNCTION disable_auto_topup(org text, why text, at timestamptz) RETURNS void LANGUAGE sql VOLATILE AS $$
  WITH disabled AS (
    UPDATE auto_topup a SET state = 'disabled', reason = why, changed_at = disable_auto_topup.at, setup_session = NULL
    WHERE a.org_id = org AND a.state = 'on' RETURNING a.org_id
  )
  INSERT INTO audit_event (id, actor_type, actor_id, org_id, action, target, before, after)
  SELECT 'aud_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 26), 'system', 'worker', d.org_id, 'auto_topup.disable',
    'org:' || d.org_id, '{"state":"on"}', jsonb_build_object('state', 'disabled', 'reason', why)
  FROM disabled d
$$;

-- What a charge that is over means for the next one: declined, it waits 1, 6 and 24 hours, then is switched off.
CREATE OR REPLACE FUNCTION note_auto_topup(org text, outcome text, at timestamptz) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  waits CONSTANT interval[] := ARRAY['1 hour', '6 hours', '24 hours'];
  tried int;
BEGIN
  IF outcome = 'paid' THEN
    UPDATE auto_topup a SET failures = 0, next_attempt_at = NULL WHERE a.org_id = org;
  ELSIF outcome = 'failed' THEN
    UPDATE auto_topup a SET failures = a.failures + 1, next_attempt_at = note_auto_topup.at + waits[a.failures + 1]
    WHERE a.org_id = org AND a.state = 'on' RETURNING a.failures INTO tried;
    IF tried > array_length(waits, 1) THEN PERFORM disable_auto_topup(org, 'declined', at); END IF;
  END IF;
END $$;

-- The card that a person has saved on Stripe's page; no method: the page was left. True: it is charged from now on.
CREATE OR REPLACE FUNCTION save_auto_topup_card(org text, session text, method text, name text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE auto_topup a SET setup_session = NULL, payment_method = coalesce(method, a.payment_method), card = coalesce(name, a.card),
    state = CASE WHEN method IS NULL THEN a.state ELSE 'on' END, reason = CASE WHEN method IS NULL THEN a.reason END,
    failures = CASE WHEN method IS NULL THEN a.failures ELSE 0 END, next_attempt_at = CASE WHEN method IS NULL THEN a.next_attempt_at END,
    changed_at = CASE WHEN method IS NULL THEN a.changed_at ELSE hub_now() END
  WHERE a.org_id = org AND a.setup_session = session;
  IF NOT FOUND OR method IS NULL THEN RETURN false; END IF;
  INSERT INTO audit_event (id, actor_type, actor_id, org_id, action, target, after)
  VALUES ('aud_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 26), 'system', 'worker', org, 'auto_topup.save_card',
    'org:' || org, jsonb_build_object('state', 'on', 'card', name));
  RETURN true;
END $$;
