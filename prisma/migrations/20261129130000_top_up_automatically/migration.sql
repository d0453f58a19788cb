-- Automatic top-ups. ACCESS EXCLUSIVE on topup for a moment (a column without default) and SHARE for its index: payments are few.
SET lock_timeout = '5s';
ALTER TABLE "topup" ADD COLUMN "payment_method" TEXT;
CREATE UNIQUE INDEX "topup_one_in_flight" ON "topup"("org_id")
  WHERE "payment_method" IS NOT NULL AND "state" IN ('created', 'processing', 'needs_action');
CREATE INDEX "topup_automatic" ON "topup"("created_at") WHERE "payment_method" IS NOT NULL;

CREATE TABLE "auto_topup" (
    "org_id" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'off',
    "reason" TEXT,
    "threshold_nano" BIGINT NOT NULL,
    "amount_nano" BIGINT NOT NULL,
    "daily_cap_nano" BIGINT NOT NULL,
    "monthly_cap_nano" BIGINT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "livemode" BOOLEAN NOT NULL,
    "stripe_customer" TEXT NOT NULL,
    "setup_session" TEXT,
    "payment_method" TEXT,
    "card" TEXT,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3),
    "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "auto_topup_pkey" PRIMARY KEY ("org_id"),
    CONSTRAINT "auto_topup_state_check" CHECK ("state" IN ('off', 'on', 'disabled') AND ("state" <> 'on' OR "payment_method" IS NOT NULL)),
    CONSTRAINT "auto_topup_reason_check" CHECK (("reason" IN ('declined', 'dispute', 'fraud')) = ("state" = 'disabled')),
    CONSTRAINT "auto_topup_amount_check" CHECK ("threshold_nano" > 0 AND "amount_nano" > 0 AND "amount_nano" % 10000000 = 0
      AND "daily_cap_nano" >= "amount_nano" AND "monthly_cap_nano" >= "daily_cap_nano")
);
CREATE INDEX "auto_topup_on" ON "auto_topup"("org_id") WHERE "state" = 'on';
CREATE INDEX "auto_topup_saving" ON "auto_topup"("org_id") WHERE "setup_session" IS NOT NULL;

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

-- What was bought is never edited, and a payment never changes hands: only what was found at Stripe is written anew.
CREATE OR REPLACE FUNCTION guard_topup() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN RAISE EXCEPTION 'topup rows are kept: DELETE refused' USING ERRCODE = 'restrict_violation'; END IF;
  IF (NEW.id, NEW.org_id, NEW.actor_id, NEW.credit_nano, NEW.currency, NEW.amount_minor, NEW.livemode, NEW.stripe_customer, NEW.payment_method, NEW.created_at)
      IS DISTINCT FROM (OLD.id, OLD.org_id, OLD.actor_id, OLD.credit_nano, OLD.currency, OLD.amount_minor, OLD.livemode, OLD.stripe_customer, OLD.payment_method, OLD.created_at)
    OR (OLD.stripe_session IS NOT NULL AND NEW.stripe_session IS DISTINCT FROM OLD.stripe_session)
    OR (OLD.stripe_pi IS NOT NULL AND NEW.stripe_pi IS DISTINCT FROM OLD.stripe_pi) THEN
    RAISE EXCEPTION 'what a top-up bought is append-only: UPDATE refused' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;

-- Brings an organisation's balance to the level that Stripe shows for one payment, whatever came before: duplicates, any order,
-- failed refunds and crashes end at the same balance. Nothing else posts `pi:` journals.
-- payment: {topup, version (of the row when the look began), intent, status, customer, currency, livemode, subtotal, captured,
--   closed (true: the session takes no further try), failure, receipt_url, refunds: [{id, row?, amount, status}],
--   disputes: [{id, amount, status, withdrawn}]}
-- credited: this look was the first to find it paid. outcome: applied | unchanged | stale (look again) | unknown | mismatch (no credit: an operator must look)
CREATE OR REPLACE FUNCTION apply_payment(payment jsonb)
RETURNS TABLE (outcome text, state text, posted_nano bigint, credited boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  t topup;
  org text;
  at timestamptz;
  pi text := payment ->> 'intent';
  succeeded boolean := coalesce(payment ->> 'status', '') = 'succeeded';
  taken numeric := (payment ->> 'captured')::numeric;
  want_captured bigint := 0;
  want_refunded bigint;
  want_disputed bigint;
  dispute_now text;
  state_now text;
  moved bigint := 0;
BEGIN
  SELECT x.org_id INTO org FROM topup x WHERE x.id = payment ->> 'topup';
  PERFORM FROM wallet w WHERE w.org_id = org FOR NO KEY UPDATE;
  SELECT * INTO t FROM topup x WHERE x.id = payment ->> 'topup' AND EXISTS (SELECT FROM wallet w WHERE w.org_id = x.org_id) FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'unknown', NULL::text, 0::bigint, false;
    RETURN;
  END IF;
  IF t.version <> (payment ->> 'version')::bigint THEN
    RETURN QUERY SELECT 'stale', t.state, 0::bigint, false;
    RETURN;
  END IF;
  at := hub_now();
  IF (t.stripe_pi IS NOT NULL AND pi IS DISTINCT FROM t.stripe_pi) OR EXISTS (SELECT FROM topup o WHERE o.stripe_pi = pi AND o.id <> t.id)
    OR (payment ->> 'livemode')::boolean IS DISTINCT FROM t.livemode
    OR (succeeded AND (payment ->> 'customer', payment ->> 'currency', (payment ->> 'subtotal')::bigint)
      IS DISTINCT FROM (t.stripe_customer, t.currency, t.amount_minor))
    OR (succeeded AND (taken IS NULL OR taken < t.amount_minor)) THEN
    UPDATE topup x SET failure = 'mismatch', version = x.version + 1, fetched_at = at WHERE x.id = t.id;
    RETURN QUERY SELECT 'mismatch', t.state, 0::bigint, false;
    RETURN;
  END IF;

  IF succeeded THEN want_captured := t.credit_nano; END IF;
  -- refunds of the hub know their row; those made at Stripe get one under Stripe's id
  UPDATE refund r SET stripe_refund = s.id, state = refund_state(s.status)
  FROM jsonb_to_recordset(payment -> 'refunds') s(id text, "row" text, amount bigint, status text)
  WHERE r.topup_id = t.id AND (r.id = s."row" OR r.stripe_refund = s.id) AND (r.stripe_refund, r.state) IS DISTINCT FROM (s.id, refund_state(s.status));
  INSERT INTO refund (id, topup_id, credit_nano, state, stripe_refund, created_at)
  SELECT s.id, t.id, round(t.credit_nano * s.amount / taken)::bigint, refund_state(s.status), s.id, at
  FROM jsonb_to_recordset(payment -> 'refunds') s(id text, "row" text, amount numeric, status text)
  WHERE taken > 0 AND NOT EXISTS (SELECT FROM refund r WHERE r.stripe_refund = s.id);
  -- the hub stops asking for a refund after 24 hours: one that Stripe still does not show was never made
  UPDATE refund r SET state = 'failed', failure = 'never_sent'
  WHERE r.topup_id = t.id AND r.state = 'requested' AND r.stripe_refund IS NULL AND coalesce(r.requested_at, r.created_at) < at - interval '25 hours';
  SELECT least(coalesce(sum(r.credit_nano), 0), want_captured) INTO want_refunded
  FROM refund r WHERE r.topup_id = t.id AND r.state IN ('requested', 'pending', 'succeeded');
  -- money is gone while Stripe keeps it; an inquiry takes none
  SELECT least(coalesce(sum(round(t.credit_nano * d.amount / nullif(taken, 0))) FILTER (WHERE d.withdrawn OR d.status = 'lost'), 0), want_captured - want_refunded),
    CASE WHEN bool_or(d.status = 'lost') THEN 'lost' WHEN bool_or(d.withdrawn) THEN 'open' WHEN bool_or(d.status = 'won') THEN 'won' END
  INTO want_disputed, dispute_now
  FROM jsonb_to_recordset(payment -> 'disputes') d(id text, amount numeric, status text, withdrawn boolean);

  state_now := CASE
    WHEN succeeded THEN CASE WHEN want_refunded = want_captured THEN 'refunded' ELSE 'paid' END
    WHEN payment ->> 'status' = 'processing' THEN 'processing'
    WHEN payment ->> 'status' = 'requires_action' THEN 'needs_action'
    WHEN payment ->> 'status' = 'canceled' OR (payment ->> 'closed')::boolean THEN 'failed'
    ELSE 'created' END;
  UPDATE topup x SET stripe_pi = coalesce(x.stripe_pi, pi), state = state_now, captured_nano = want_captured, refunded_nano = want_refunded,
    disputed_nano = want_disputed, dispute = dispute_now, failure = CASE WHEN succeeded THEN NULL ELSE payment ->> 'failure' END,
    receipt_url = coalesce(payment ->> 'receipt_url', x.receipt_url), paid_at = CASE WHEN succeeded THEN coalesce(x.paid_at, at) END,
    version = x.version + 1, fetched_at = at
  WHERE x.id = t.id;
  moved := post_payment(t.id, 'topup', 'stripe_clearing', want_captured - t.captured_nano, at)
    + post_payment(t.id, 'refund', 'refunds', t.refunded_nano - want_refunded, at)
    + post_payment(t.id, 'dispute', 'disputes', t.disputed_nano - want_disputed, at);
  PERFORM write_off_dispute(t.id, at);
  IF t.payment_method IS NOT NULL AND t.state IN ('created', 'processing', 'needs_action') THEN PERFORM note_auto_topup(t.org_id, state_now, at); END IF;
  IF dispute_now IN ('open', 'lost') AND t.dispute IS DISTINCT FROM dispute_now THEN PERFORM disable_auto_topup(t.org_id, 'dispute', at); END IF;
  -- by level as well: the freeze follows from what is open over all payments and from the balance; people's freezes stay
  UPDATE wallet w SET version = w.version + 1, status = f.status, freeze_reason = f.reason
  FROM (
    SELECT v.org_id, CASE WHEN r.reason IS NULL THEN 'active' ELSE 'frozen' END AS status, r.reason
    FROM wallet v CROSS JOIN LATERAL (SELECT CASE
      WHEN EXISTS (SELECT FROM topup o WHERE o.org_id = v.org_id AND (o.dispute = 'open' OR (o.dispute = 'lost' AND o.pardoned_at IS NULL))) THEN 'dispute'
      WHEN v.posted < v.floor THEN 'negative' END AS reason) r
    WHERE v.org_id = t.org_id
  ) f
  WHERE w.org_id = f.org_id AND (w.status = 'active' OR (w.status = 'frozen' AND w.freeze_reason IN ('negative', 'dispute')))
    AND (w.status, w.freeze_reason) IS DISTINCT FROM (f.status, f.reason);
  RETURN QUERY SELECT CASE WHEN t.state IS DISTINCT FROM state_now OR moved <> 0 THEN 'applied' ELSE 'unchanged' END, state_now, moved,
    t.captured_nano = 0 AND want_captured > 0;
END $$;

-- A bank says early that a payment of a young organisation is fraud: what is unspent goes back before it is disputed, and the
-- wallet is frozen for a person to look at. Acts once per purchase; true: a refund is to be sent.
CREATE OR REPLACE FUNCTION heed_fraud_warning(purchase text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  t topup;
  credit bigint;
BEGIN
  PERFORM lock_purchase(purchase);
  SELECT * INTO t FROM topup x WHERE x.id = purchase;
  IF t.warned_at IS NOT NULL OR NOT EXISTS (SELECT FROM org o WHERE o.id = t.org_id AND o.created_at > hub_now() - interval '30 days') THEN
    RETURN false;
  END IF;
  credit := refundable(purchase);
  UPDATE topup x SET warned_at = hub_now() WHERE x.id = purchase;
  UPDATE wallet w SET status = 'frozen', freeze_reason = 'fraud', version = w.version + 1 WHERE w.org_id = t.org_id AND w.status <> 'closed';
  PERFORM disable_auto_topup(t.org_id, 'fraud', hub_now());
  IF credit = 0 THEN RETURN false; END IF;
  INSERT INTO refund (id, topup_id, credit_nano, state, actor_id, reason, requested_at)
  VALUES ('rfd_fraud_' || substr(purchase, 5), purchase, credit, 'requested', 'system:stripe', 'early fraud warning', hub_now());
  PERFORM post_refunds(purchase);
  RETURN true;
END $$;
