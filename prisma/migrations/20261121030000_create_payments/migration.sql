-- Purchases of credit through Stripe. New tables; the view and functions replace theirs. Nothing waits for long.
SET lock_timeout = '5s';

-- CreateTable
CREATE TABLE "topup" (
    "id" TEXT NOT NULL,
    "org_id" TEXT NOT NULL,
    "actor_id" TEXT NOT NULL,
    "credit_nano" BIGINT NOT NULL,
    "currency" TEXT NOT NULL,
    "amount_minor" BIGINT NOT NULL,
    "package" TEXT,
    "locale" TEXT NOT NULL DEFAULT 'en',
    "livemode" BOOLEAN NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'created',
    "failure" TEXT,
    "stripe_customer" TEXT NOT NULL,
    "stripe_session" TEXT,
    "stripe_pi" TEXT,
    "receipt_url" TEXT,
    "captured_nano" BIGINT NOT NULL DEFAULT 0,
    "refunded_nano" BIGINT NOT NULL DEFAULT 0,
    "disputed_nano" BIGINT NOT NULL DEFAULT 0,
    "dispute" TEXT,
    "postings" INTEGER NOT NULL DEFAULT 0,
    "version" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "fetched_at" TIMESTAMPTZ(3),
    "paid_at" TIMESTAMPTZ(3),

    CONSTRAINT "topup_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "topup_credit_nano_check" CHECK ("credit_nano" > 0 AND "amount_minor" > 0),
    CONSTRAINT "topup_currency_check" CHECK ("currency" ~ '^[a-z]{3}$'),
    CONSTRAINT "topup_state_check" CHECK ("state" IN ('created', 'processing', 'needs_action', 'paid', 'failed', 'refunded')),
    CONSTRAINT "topup_dispute_check" CHECK ("dispute" IN ('open', 'won', 'lost'))
);

-- CreateTable
CREATE TABLE "refund" (
    "id" TEXT NOT NULL,
    "topup_id" TEXT NOT NULL,
    "credit_nano" BIGINT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'requested',
    "stripe_refund" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "refund_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "refund_credit_nano_check" CHECK ("credit_nano" >= 0),
    CONSTRAINT "refund_state_check" CHECK ("state" IN ('requested', 'pending', 'succeeded', 'failed'))
);

-- CreateTable
CREATE TABLE "stripe_event" (
    "id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "object_id" TEXT,
    "livemode" BOOLEAN NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "stripe_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "stripe_customer" (
    "org_id" TEXT NOT NULL,
    "livemode" BOOLEAN NOT NULL,
    "customer_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "stripe_customer_pkey" PRIMARY KEY ("org_id","livemode")
);

-- CreateIndex
CREATE UNIQUE INDEX "topup_stripe_session_key" ON "topup"("stripe_session");

-- CreateIndex
CREATE UNIQUE INDEX "topup_stripe_pi_key" ON "topup"("stripe_pi");

-- CreateIndex
CREATE INDEX "topup_org_id_created_at_idx" ON "topup"("org_id", "created_at");

-- CreateIndex
CREATE INDEX "topup_created_at_idx" ON "topup"("created_at");

-- CreateIndex
CREATE UNIQUE INDEX "refund_stripe_refund_key" ON "refund"("stripe_refund");

-- CreateIndex
CREATE INDEX "refund_topup_id_idx" ON "refund"("topup_id");

-- CreateIndex
CREATE INDEX "stripe_event_received_at_idx" ON "stripe_event"("received_at");

-- CreateIndex
CREATE UNIQUE INDEX "stripe_customer_customer_id_key" ON "stripe_customer"("customer_id");

-- AddForeignKey
ALTER TABLE "refund" ADD CONSTRAINT "refund_topup_id_fkey" FOREIGN KEY ("topup_id") REFERENCES "topup"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Purchases of credit. Amounts ending in _nano are nano-USD; what Stripe says is in the currency's smallest unit.

-- What was bought is never edited, and a payment never changes hands: only what was found at Stripe is written anew.
CREATE OR REPLACE FUNCTION guard_topup() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN RAISE EXCEPTION 'topup rows are kept: DELETE refused' USING ERRCODE = 'restrict_violation'; END IF;
  IF (NEW.id, NEW.org_id, NEW.actor_id, NEW.credit_nano, NEW.currency, NEW.amount_minor, NEW.livemode, NEW.stripe_customer, NEW.created_at)
      IS DISTINCT FROM (OLD.id, OLD.org_id, OLD.actor_id, OLD.credit_nano, OLD.currency, OLD.amount_minor, OLD.livemode, OLD.stripe_customer, OLD.created_at)
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
  SELECT least(coalesce(sum(r.credit_nano), 0), want_captured) INTO want_refunded
  FROM refund r WHERE r.topup_id = t.id AND r.state <> 'failed';
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
  -- by level as well: the freeze follows from what is open over all payments and from the balance; people's freezes stay
  UPDATE wallet w SET version = w.version + 1, status = f.status, freeze_reason = f.reason
  FROM (
    SELECT v.org_id, CASE WHEN r.reason IS NULL THEN 'active' ELSE 'frozen' END AS status, r.reason
    FROM wallet v CROSS JOIN LATERAL (SELECT CASE
      WHEN EXISTS (SELECT FROM topup o WHERE o.org_id = v.org_id AND o.dispute IN ('open', 'lost')) THEN 'dispute'
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
-- Credit covers a negative balance first; a debit takes the payment's own lot first, then others in the order of burning, then
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

  IF change < 0 THEN
    rest := greatest(w.posted, 0) - greatest(w.posted + change, 0);
    part := least(rest, own.remaining);
    IF part > 0 THEN
      UPDATE credit_lot SET remaining = remaining - part WHERE id = own.id;
      INSERT INTO lot_draw (org_id, journal_id, lot_id, amount) VALUES (t.org_id, journal, own.id, part);
    END IF;
    IF rest > part THEN PERFORM draw_lots(t.org_id, NULL, journal, rest - part, true); END IF;
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

-- The invariants of the ledger that stored data can answer. Empty means healthy. I13 and I14 need Stripe or the access log,
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
), pi_posting AS (
  SELECT j.org_id, split_part(j.ref, ':', 2) AS stripe_pi, sum(e.amount) AS amount, coalesce(sum(e.amount) FILTER (WHERE j.kind = 'topup'), 0) AS bought
  FROM journal j JOIN entry e ON e.journal_id = j.id AND e.account_id = 'customer:' || j.org_id
  WHERE j.kind IN ('topup', 'refund', 'dispute') AND j.ref LIKE 'pi:%' GROUP BY 1, 2
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
SELECT 'I12', t.org_id, t.id, format('posted %s, target %s', coalesce(p.amount, 0), t.captured_nano - t.refunded_nano - t.disputed_nano)
FROM topup t LEFT JOIN pi_posting p ON p.stripe_pi = t.stripe_pi AND p.org_id = t.org_id
WHERE coalesce(p.amount, 0) <> t.captured_nano - t.refunded_nano - t.disputed_nano
UNION ALL
SELECT 'I12', t.org_id, t.id, format('refunded %s, refund rows %s of captured %s', t.refunded_nano, coalesce(r.amount, 0), t.captured_nano)
FROM topup t LEFT JOIN (SELECT topup_id, sum(credit_nano) AS amount FROM refund WHERE state IN ('pending', 'succeeded') GROUP BY 1) r ON r.topup_id = t.id
WHERE t.refunded_nano < least(coalesce(r.amount, 0), t.captured_nano)
UNION ALL
SELECT 'I12', p.org_id, p.stripe_pi, 'credit of a payment without its top-up'
FROM pi_posting p WHERE NOT EXISTS (SELECT FROM topup t WHERE t.stripe_pi = p.stripe_pi AND t.org_id = p.org_id)
UNION ALL
SELECT 'I15', t.org_id, t.id, format('credited %s for a purchase of %s', p.bought, t.credit_nano)
FROM topup t JOIN pi_posting p ON p.stripe_pi = t.stripe_pi WHERE p.bought > t.credit_nano
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
