-- People lift freezes for fraud and lost disputes, and write debts off. ACCESS EXCLUSIVE on topup for a moment: a column without default.
SET lock_timeout = '5s';
ALTER TABLE topup ADD COLUMN pardoned_at timestamptz(3);

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
