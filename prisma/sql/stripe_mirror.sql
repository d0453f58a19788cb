-- What moved on the account at Stripe, passed on to stripe_clearing, so that the ledger mirrors money in transit, tax apart.

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON stripe_transaction FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON stripe_transaction EXECUTE FUNCTION refuse_change();

-- Books one of Stripe's balance transactions; idempotent by its id. Amounts are in cents, as Stripe has them.
-- moved: {id, type, source, intent?, amount, fee, currency, created (seconds)}
-- Returns posted | known | later (a charge whose purchase is not credited yet) | foreign (a payment that is not ours).
-- A charge's gross is in the books since its purchase: only its fee, and what exceeds the credit (tax), is new.
CREATE OR REPLACE FUNCTION post_stripe_transaction(moved jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  cent CONSTANT bigint := 10000000;
  kind text := moved ->> 'type';
  gross bigint := (moved ->> 'amount')::bigint * cent;
  fee bigint := (moved ->> 'fee')::bigint * cent;
  t topup;
  charged bigint;
  tax bigint := 0;
  counterpart text;
  journal bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('stripe:' || (moved ->> 'id'), 0));
  IF EXISTS (SELECT FROM stripe_transaction s WHERE s.id = moved ->> 'id') THEN RETURN 'known'; END IF;
  counterpart := CASE
    WHEN kind IN ('charge', 'payment') THEN 'charge'
    WHEN kind IN ('refund', 'payment_refund', 'refund_failure', 'payment_failure_refund') THEN 'refunds'
    WHEN kind = 'adjustment' AND moved ->> 'source' LIKE ANY ('{dp\_%,du\_%}'::text[]) THEN 'disputes'
    WHEN kind LIKE 'payout%' THEN 'bank'
    ELSE 'stripe_fees' END;
  IF counterpart IN ('charge', 'refunds', 'disputes') THEN
    SELECT * INTO t FROM topup x WHERE x.stripe_pi = moved ->> 'intent';
    IF NOT FOUND THEN RETURN 'foreign'; END IF;
    IF t.captured_nano = 0 THEN RETURN 'later'; END IF;
    SELECT s.amount_minor INTO charged FROM stripe_transaction s WHERE s.stripe_pi = t.stripe_pi AND s.type IN ('charge', 'payment') LIMIT 1;
    IF counterpart = 'charge' THEN
      tax := gross - t.credit_nano;
    ELSIF charged IS NULL THEN
      RETURN 'later';
    ELSE
      tax := gross - round(gross::numeric * t.amount_minor / charged)::bigint;
    END IF;
  END IF;
  INSERT INTO stripe_transaction (id, type, source, stripe_pi, amount_minor, fee_minor, currency, created_at)
  VALUES (moved ->> 'id', kind, moved ->> 'source', t.stripe_pi, (moved ->> 'amount')::bigint, (moved ->> 'fee')::bigint, moved ->> 'currency',
    to_timestamp((moved ->> 'created')::bigint));
  INSERT INTO journal (kind, ref, at, actor, reason)
  VALUES ('stripe', moved ->> 'id', hub_now(), 'stripe', concat_ws(' ', kind, moved ->> 'source')) RETURNING id INTO journal;
  INSERT INTO entry (journal_id, account_id, amount)
  SELECT journal, e.account, e.amount FROM (VALUES
    ('tax', tax),
    ('stripe_fees', -fee),
    (nullif(counterpart, 'charge'), gross - tax),
    ('stripe_clearing', CASE counterpart WHEN 'charge' THEN fee - tax ELSE fee - gross END)
  ) e(account, amount)
  WHERE e.account IS NOT NULL AND (e.amount <> 0 OR e.account = 'stripe_clearing');
  RETURN 'posted';
END $$;
