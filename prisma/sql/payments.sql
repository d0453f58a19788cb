-- Purchases of credit. Amounts ending in _nano are nano-USD; what Stripe says is in the currency's smallest unit.

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
CREATE OR REPLACE TRIGGER guard BEFORE UPDATE OR DELETE ON topup FOR EACH ROW EXECUTE FUNCTION guard_topup();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON topup EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON stripe_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON stripe_event EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON stripe_customer FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON stripe_customer EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON refund EXECUTE FUNCTION refuse_change();

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

CREATE OR REPLACE FUNCTION refund_state(status text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE status WHEN 'succeeded' THEN 'succeeded' WHEN 'failed' THEN 'failed' WHEN 'canceled' THEN 'failed' ELSE 'pending' END
$$;

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

-- What a lost dispute took beyond what was left is the operator's loss: by level, so that a dispute won after all takes it back.
CREATE OR REPLACE FUNCTION write_off_dispute(purchase text, at timestamptz) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  t topup;
  w wallet;
  want bigint;
  change bigint;
  journal bigint;
BEGIN
  SELECT * INTO t FROM topup x WHERE x.id = purchase;
  SELECT * INTO w FROM wallet x WHERE x.org_id = t.org_id;
  IF w.floor IS NULL THEN RETURN; END IF;
  want := CASE WHEN t.dispute = 'lost' THEN least(t.written_off_nano + greatest(-w.posted, 0), t.disputed_nano) ELSE 0 END;
  change := want - t.written_off_nano;
  IF change = 0 THEN RETURN; END IF;
  UPDATE topup x SET written_off_nano = want, postings = x.postings + 1 WHERE x.id = t.id RETURNING * INTO t;
  INSERT INTO journal (org_id, kind, ref, at, actor, reason)
  VALUES (t.org_id, 'write_off', 'pi:' || t.stripe_pi || ':' || t.postings, write_off_dispute.at, 'stripe', t.id) RETURNING id INTO journal;
  INSERT INTO entry (journal_id, account_id, amount) VALUES (journal, 'bad_debt', -change), (journal, 'customer:' || t.org_id, change);
  IF change < 0 THEN
    PERFORM draw_lots(t.org_id, NULL, journal, greatest(w.posted, 0) - greatest(w.posted + change, 0), true);
  END IF;
  UPDATE wallet x SET posted = x.posted + change, version = x.version + 1 WHERE x.org_id = t.org_id;
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
