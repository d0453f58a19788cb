-- Refunds the hub asks Stripe for. Amounts are nano-USD of credit, in whole cents. Wallet and lots are debited when a refund is
-- requested, before Stripe hears of it; the worker then calls Stripe with the row's id as its key.

-- What was asked for is never edited; what became of it is.
CREATE OR REPLACE FUNCTION guard_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN RAISE EXCEPTION 'refund rows are kept: DELETE refused' USING ERRCODE = 'restrict_violation'; END IF;
  IF (NEW.id, NEW.topup_id, NEW.credit_nano, NEW.actor_id, NEW.reason, NEW.created_at)
      IS DISTINCT FROM (OLD.id, OLD.topup_id, OLD.credit_nano, OLD.actor_id, OLD.reason, OLD.created_at)
    OR (OLD.stripe_refund IS NOT NULL AND NEW.stripe_refund IS DISTINCT FROM OLD.stripe_refund) THEN
    RAISE EXCEPTION 'what a refund gives back is append-only: UPDATE refused' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER guard BEFORE UPDATE OR DELETE ON refund FOR EACH ROW EXECUTE FUNCTION guard_refund();

-- What of a purchase can be given back: the part of its own lots that is neither spent nor held. Nothing while it is disputed.
CREATE OR REPLACE FUNCTION refundable(purchase text) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(max(greatest(least(
      t.captured_nano - t.refunded_nano - t.disputed_nano, w.posted - w.held,
      (SELECT coalesce(sum(c.remaining), 0)::bigint FROM credit_lot c WHERE c.org_id = t.org_id AND c.payment_id = t.stripe_pi)
    ), 0) / 10000000 * 10000000), 0)
  FROM topup t JOIN wallet w ON w.org_id = t.org_id
  WHERE t.id = purchase AND t.state = 'paid' AND w.floor IS NOT NULL AND coalesce(t.dispute, 'won') = 'won'
$$;

-- Asks for a refund; idempotent by `id`, and the same id with other terms is error 23505. With `proposed` nothing moves until
-- decide_refund. More than is refundable: error 22003; another proposal for the purchase waits: error 55006. Returns the state.
CREATE OR REPLACE FUNCTION request_refund(id text, purchase text, credit bigint, proposed boolean, actor text, reason text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  known refund;
BEGIN
  PERFORM lock_purchase(purchase);
  SELECT * INTO known FROM refund r WHERE r.id = request_refund.id;
  IF FOUND THEN
    IF (known.topup_id, known.credit_nano) IS DISTINCT FROM (purchase, credit) THEN
      RAISE EXCEPTION 'refund % exists with other terms', known.id USING ERRCODE = 'unique_violation';
    END IF;
    RETURN known.state;
  END IF;
  PERFORM require_refundable(purchase, credit);
  IF EXISTS (SELECT FROM refund r WHERE r.topup_id = purchase AND r.state = 'proposed') THEN
    RAISE EXCEPTION 'a refund of this purchase waits for approval' USING ERRCODE = 'object_in_use';
  END IF;
  INSERT INTO refund (id, topup_id, credit_nano, state, actor_id, reason, requested_at)
  VALUES (request_refund.id, purchase, credit, CASE WHEN proposed THEN 'proposed' ELSE 'requested' END, actor, request_refund.reason,
    CASE WHEN NOT proposed THEN hub_now() END);
  PERFORM post_refunds(purchase);
  RETURN CASE WHEN proposed THEN 'proposed' ELSE 'requested' END;
END $$;

-- A second person's word on a proposed refund. The one who proposed it cannot approve it (error 42501), but may withdraw it.
-- Returns the state it has then; one that was decided before stays as it is.
CREATE OR REPLACE FUNCTION decide_refund(id text, approved boolean, actor text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  r refund;
BEGIN
  PERFORM lock_purchase((SELECT x.topup_id FROM refund x WHERE x.id = decide_refund.id));
  SELECT * INTO r FROM refund x WHERE x.id = decide_refund.id;
  IF NOT FOUND OR r.state <> 'proposed' THEN RETURN r.state; END IF;
  IF NOT approved THEN
    UPDATE refund x SET state = 'failed', failure = 'rejected', approved_by = actor WHERE x.id = r.id;
    RETURN 'failed';
  END IF;
  IF r.actor_id = actor THEN RAISE EXCEPTION 'a second person must approve' USING ERRCODE = 'insufficient_privilege'; END IF;
  PERFORM require_refundable(r.topup_id, r.credit_nano);
  UPDATE refund x SET state = 'requested', approved_by = actor, requested_at = hub_now() WHERE x.id = r.id;
  PERFORM post_refunds(r.topup_id);
  RETURN 'requested';
END $$;

-- Stripe has refused it for good: wallet and lots get it back. One that Stripe knows stays as Stripe says. Returns the state.
CREATE OR REPLACE FUNCTION fail_refund(id text, failure text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  r refund;
BEGIN
  PERFORM lock_purchase((SELECT x.topup_id FROM refund x WHERE x.id = fail_refund.id));
  UPDATE refund x SET state = 'failed', failure = fail_refund.failure
  WHERE x.id = fail_refund.id AND x.state = 'requested' AND x.stripe_refund IS NULL RETURNING * INTO r;
  IF FOUND THEN PERFORM post_refunds(r.topup_id); END IF;
  RETURN (SELECT x.state FROM refund x WHERE x.id = fail_refund.id);
END $$;

CREATE OR REPLACE FUNCTION lock_purchase(purchase text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM FROM wallet w WHERE w.org_id = (SELECT t.org_id FROM topup t WHERE t.id = purchase) FOR NO KEY UPDATE;
  PERFORM FROM topup t WHERE t.id = purchase FOR NO KEY UPDATE;
END $$;

CREATE OR REPLACE FUNCTION require_refundable(purchase text, credit bigint) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF credit IS NULL OR credit <= 0 OR credit % 10000000 <> 0 THEN
    RAISE EXCEPTION 'a refund must be a positive number of cents' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF credit > refundable(purchase) THEN
    RAISE EXCEPTION 'only % nano-USD are refundable', refundable(purchase) USING ERRCODE = 'numeric_value_out_of_range';
  END IF;
END $$;

-- Brings the ledger to the refund rows of a purchase whose wallet and row are locked. A look at Stripe that is under way
-- becomes stale. A freeze for a negative balance is judged anew by the next look.
CREATE OR REPLACE FUNCTION post_refunds(purchase text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  t topup;
  want bigint;
BEGIN
  SELECT * INTO t FROM topup x WHERE x.id = purchase;
  SELECT least(coalesce(sum(r.credit_nano), 0), t.captured_nano) INTO want
  FROM refund r WHERE r.topup_id = purchase AND r.state IN ('requested', 'pending', 'succeeded');
  IF want = t.refunded_nano THEN RETURN; END IF;
  UPDATE topup x SET refunded_nano = want, state = CASE WHEN want = t.captured_nano THEN 'refunded' ELSE 'paid' END, version = x.version + 1
  WHERE x.id = purchase;
  PERFORM post_payment(purchase, 'refund', 'refunds', t.refunded_nano - want, hub_now());
END $$;
