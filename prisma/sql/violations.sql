-- The invariants of the ledger that stored data can answer. Empty means healthy. I14 needs the access log,
-- I16 (price = recompute of usage at the pinned version) the pricing code. From `since` on: usage, holds, journals and rollups of
-- before are not read again. Balances are summed up from the last mark (mark_balances), budgets of earlier periods from the rollup,
-- those of longer periods than a day by windows longer than a day (the nightly one); payments, which are few, are always looked at
-- whole, and so are all wallets, limits and open holds as they are now.
-- Statistics are old where much has happened since: the planner then takes a day's journals for one row and reads all events for
-- each of them, minutes instead of a second. So joins hash, and what belongs to a journal is looked up by it alone (LATERAL): given the
-- account too, it would take that one's index.
CREATE OR REPLACE FUNCTION violations_since(since timestamptz) RETURNS TABLE (rule text, org_id text, ref text, detail text)
LANGUAGE sql STABLE SET enable_nestloop = off SET jit = off AS $$
WITH posting AS (
  -- the balance after each posting: from nothing, or back from what it is now
  SELECT w.org_id, w.floor, j.id AS journal_id, j.kind, e.amount, sum(e.amount) OVER (PARTITION BY w.org_id ORDER BY j.id)
    + CASE WHEN since = '-infinity' THEN 0 ELSE w.posted - sum(e.amount) OVER (PARTITION BY w.org_id) END AS after
  FROM journal j
  CROSS JOIN LATERAL (SELECT x.account_id, sum(x.amount) AS amount FROM entry x WHERE x.journal_id = j.id GROUP BY 1) e
  CROSS JOIN LATERAL (SELECT x.org_id, x.floor, x.posted FROM wallet x WHERE e.account_id = 'customer:' || x.org_id AND x.org_id = substr(e.account_id, 10) OFFSET 0) w
  WHERE j.at >= since
), open_hold AS (
  SELECT h.org_id, v.scope, v.scope_id, sum(h.amount) AS amount, count(*) AS n
  FROM hold h CROSS JOIN LATERAL limit_scopes(h.key_id, h.app_id, h.member_id, h.org_id) v
  WHERE h.state = 'open' AND v.scope_id IS NOT NULL GROUP BY 1, 2, 3
), lot AS (
  SELECT org_id, sum(remaining) AS remaining, sum(remaining) FILTER (WHERE restricted) AS restricted FROM credit_lot WHERE remaining <> 0 GROUP BY 1
), event_sum AS (
  SELECT org_id, date_bin('15 minutes', at, 'epoch') AS bucket, key_id, model_id, count(*) FILTER (WHERE kind = 'call') AS calls,
    coalesce(sum(price_nano), 0) AS price, sum(promo_nano) AS promo, coalesce(sum(cost_nano), 0) AS cost, sum(waste_nano) AS waste,
    sum(input_tokens) AS input, sum(output_tokens) AS output FROM usage_event
  WHERE at >= date_bin('15 minutes', since, 'epoch') + interval '15 minutes' GROUP BY 1, 2, 3, 4
), rollup_sum AS (
  SELECT org_id, bucket, key_id, model_id, sum(calls) AS calls, sum(price_paid + price_promo) AS price, sum(price_promo) AS promo,
    sum(cost) AS cost, sum(waste) AS waste, sum(input_tokens) AS input, sum(output_tokens) AS output FROM usage_rollup
  WHERE bucket >= date_bin('15 minutes', since, 'epoch') + interval '15 minutes' GROUP BY 1, 2, 3, 4
), pi_posting AS (
  SELECT j.org_id, split_part(j.ref, ':', 2) AS stripe_pi, sum(e.amount) AS amount, coalesce(sum(e.amount) FILTER (WHERE j.kind = 'topup'), 0) AS bought
  FROM journal j
  CROSS JOIN LATERAL (SELECT sum(x.amount) FILTER (WHERE x.account_id = 'customer:' || j.org_id) AS amount FROM entry x WHERE x.journal_id = j.id) e
  WHERE e.amount IS NOT NULL AND j.kind IN ('topup', 'refund', 'dispute') AND j.ref LIKE 'pi:%' GROUP BY 1, 2
)
SELECT 'I1' AS rule, w.org_id, w.org_id AS ref, format('posted %s, entries %s', w.posted, coalesce(e.total, 0)) AS detail
FROM wallet w LEFT JOIN (SELECT account_id, sum(amount) AS total FROM entry GROUP BY 1) e ON e.account_id = 'customer:' || w.org_id
WHERE since = '-infinity' AND w.posted <> coalesce(e.total, 0)
UNION ALL
SELECT 'I1', w.org_id, w.org_id, format('posted %s, entries %s', w.posted, coalesce(m.posted, 0) + e.total)
FROM wallet w LEFT JOIN balance_mark m ON m.org_id = w.org_id
CROSS JOIN LATERAL (
  SELECT coalesce(sum(x.amount), 0) AS total FROM entry x WHERE x.account_id = 'customer:' || w.org_id AND x.id > coalesce(m.entry_id, 0)
) e
WHERE since > '-infinity' AND w.posted <> coalesce(m.posted, 0) + e.total
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
-- Holds are covered, so what is written off was used beyond one, or taken from what was held by a late truth, Stripe or a person.
-- Calls share what is missing, so it is summed up, over all history.
SELECT 'I3', o.org_id, o.org_id, format('written off %s, used beyond holds %s, taken %s', o.amount, coalesce(u.amount, 0), coalesce(t.amount, 0))
FROM (
  SELECT j.org_id, -sum(e.amount) AS amount FROM entry e
  CROSS JOIN LATERAL (SELECT x.org_id, x.kind FROM journal x WHERE x.id = e.journal_id OFFSET 0) j
  WHERE since = '-infinity' AND e.account_id = 'bad_debt' AND j.kind = 'usage' GROUP BY 1
) o
LEFT JOIN (SELECT org_id, sum(greatest(price_nano - held_nano, 0)) AS amount FROM usage_event WHERE since = '-infinity' AND kind = 'call' GROUP BY 1) u
  ON u.org_id = o.org_id
LEFT JOIN (
  SELECT j.org_id, -sum(e.amount) AS amount FROM journal j
  CROSS JOIN LATERAL (SELECT sum(x.amount) FILTER (WHERE x.account_id = 'customer:' || j.org_id) AS amount FROM entry x WHERE x.journal_id = j.id) e
  WHERE since = '-infinity' AND j.kind IN ('late', 'refund', 'dispute', 'correction') AND e.amount < 0 GROUP BY 1
) t ON t.org_id = o.org_id
WHERE o.amount > coalesce(u.amount, 0) + coalesce(t.amount, 0)
  -- what was held before a change of mode was not held against credit
  AND NOT EXISTS (SELECT FROM journal m WHERE m.org_id = o.org_id AND m.kind = 'mode')
UNION ALL
SELECT 'I4', j.org_id, j.ref, format('revenue %s, events %s', r.amount, coalesce(u.price, 0))
FROM journal j
CROSS JOIN LATERAL (SELECT coalesce(sum(e.amount) FILTER (WHERE e.account_id = 'revenue'), 0) AS amount FROM entry e WHERE e.journal_id = j.id) r
LEFT JOIN (SELECT journal_id, sum(price_nano) AS price FROM usage_event WHERE at >= since GROUP BY 1) u ON u.journal_id = j.id
WHERE j.at >= since AND j.kind IN ('usage', 'late') AND r.amount <> coalesce(u.price, 0)
UNION ALL
SELECT 'I5', j.org_id, j.ref, 'journal without usage events'
FROM journal j WHERE j.at >= since AND j.kind IN ('usage', 'late') AND NOT EXISTS (SELECT FROM usage_event u WHERE u.journal_id = j.id AND u.at >= since)
UNION ALL
SELECT 'I5', u.org_id, u.id, 'priced event without journal'
FROM usage_event u LEFT JOIN LATERAL (SELECT j.org_id FROM journal j WHERE j.id = u.journal_id OFFSET 0) j ON true
WHERE u.at >= since AND u.price_nano <> 0 AND u.org_id IS DISTINCT FROM j.org_id
UNION ALL
SELECT 'I6', h.org_id, h.id, format('%s hold with %s call events', h.state, coalesce(u.n, 0))
FROM hold h LEFT JOIN (SELECT id, count(*) AS n FROM usage_event WHERE kind = 'call' AND at >= since GROUP BY 1) u ON u.id = h.id
WHERE (h.state = 'open' OR h.closed_at >= since) AND coalesce(u.n, 0) <> CASE WHEN h.state IN ('captured', 'expired') THEN 1 ELSE 0 END
UNION ALL
SELECT 'I7', h.org_id, h.id, format('open, expired at %s', h.expires_at)
FROM hold h WHERE h.state = 'open' AND h.expires_at < clock_timestamp() - interval '60 seconds'
UNION ALL
SELECT 'I8', j.org_id, j.kind || ' ' || j.ref, format('entries sum up to %s', coalesce(e.amount, 0))
FROM journal j CROSS JOIN LATERAL (SELECT sum(x.amount) AS amount FROM entry x WHERE x.journal_id = j.id) e
WHERE j.at >= since AND e.amount IS DISTINCT FROM 0
UNION ALL
SELECT 'I9', NULL, 'all accounts', format('sum %s', sum(amount)) FROM entry WHERE since = '-infinity' HAVING sum(amount) <> 0
UNION ALL
SELECT 'I10', w.org_id, w.org_id, format('posted %s, lots %s; restricted %s, lots %s', w.posted, coalesce(l.remaining, 0), w.restricted, coalesce(l.restricted, 0))
FROM wallet w LEFT JOIN lot l ON l.org_id = w.org_id
WHERE w.floor IS NOT NULL AND (coalesce(l.remaining, 0) <> greatest(w.posted, 0) OR coalesce(l.restricted, 0) <> w.restricted)
UNION ALL
SELECT 'I11', p.org_id, p.journal_id::text, format('%s took %s of positive balance, lots gave %s', p.kind,
  greatest(p.after - p.amount, 0) - greatest(p.after, 0), d.amount)
FROM posting p CROSS JOIN LATERAL (SELECT coalesce(sum(x.amount), 0) AS amount FROM lot_draw x WHERE x.journal_id = p.journal_id) d
WHERE p.floor IS NOT NULL AND (p.kind IN ('usage', 'late', 'expiry') OR p.amount < 0)
  -- what came before a change of mode had no lots
  AND NOT EXISTS (SELECT FROM journal m WHERE m.org_id = p.org_id AND m.kind = 'mode' AND m.reason = 'to service' AND m.id >= p.journal_id)
  AND d.amount <> greatest(p.after - p.amount, 0) - greatest(p.after, 0)
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
SELECT 'I13', t.org_id, g.id, format('stripe_clearing moved by %s, Stripe''s balance by %s', coalesce(c.amount, 0), g.net)
FROM (SELECT coalesce(stripe_pi, id) AS id, max(stripe_pi) AS stripe_pi, sum(amount_minor - fee_minor) * 10000000 AS net FROM stripe_transaction GROUP BY 1) g
LEFT JOIN topup t ON t.stripe_pi = g.stripe_pi
LEFT JOIN (
  SELECT coalesce(s.stripe_pi, s.id, split_part(j.ref, ':', 2)) AS id, sum(e.amount) AS amount
  FROM entry e
  CROSS JOIN LATERAL (SELECT x.kind, x.ref FROM journal x WHERE x.id = e.journal_id OFFSET 0) j
  LEFT JOIN stripe_transaction s ON s.id = j.ref AND j.kind = 'stripe'
  WHERE e.account_id = 'stripe_clearing' GROUP BY 1
) c ON c.id = g.id
WHERE coalesce(c.amount, 0) <> -g.net
UNION ALL
SELECT 'I13', t.org_id, t.id, 'paid two days ago, and Stripe''s balance shows nothing of it'
FROM topup t WHERE t.captured_nano > 0 AND t.paid_at < clock_timestamp() - interval '2 days'
  AND NOT EXISTS (SELECT FROM stripe_transaction s WHERE s.stripe_pi = t.stripe_pi AND s.type IN ('charge', 'payment'))
  -- the mirror has seen more since
  AND EXISTS (SELECT FROM stripe_transaction s WHERE s.created_at > t.paid_at + interval '1 day')
UNION ALL
SELECT 'I15', t.org_id, t.id, format('credited %s for a purchase of %s', p.bought, t.credit_nano)
FROM topup t JOIN pi_posting p ON p.stripe_pi = t.stripe_pi WHERE p.bought > t.credit_nano
UNION ALL
SELECT 'I15', min(u.org_id), u.id, format('%s call events', count(*)) FROM usage_event u WHERE u.at >= since AND u.kind = 'call' GROUP BY u.id HAVING count(*) > 1
UNION ALL
SELECT 'I15', min(u.org_id), u.parent_id, format('%s adjustments', count(*)) FROM usage_event u WHERE u.at >= since AND u.kind = 'adjust' GROUP BY u.parent_id HAVING count(*) > 1
UNION ALL
SELECT 'I17', l.org_id, concat_ws(':', l.scope, l.scope_id, l.period), format('spent %s, events %s', l.spent, coalesce(s.price, 0))
FROM limit_state l
CROSS JOIN LATERAL (
  SELECT sum(u.price_nano) AS price FROM usage_event u
  WHERE u.org_id = l.org_id AND (l.period_start IS NULL OR u.at >= l.period_start)
    AND l.scope_id = CASE l.scope WHEN 'key' THEN u.key_id WHEN 'app' THEN u.app_id WHEN 'member' THEN u.member_id ELSE u.org_id END
) s
WHERE l.period <> 'rate' AND coalesce(l.period_start, '-infinity') >= since AND l.spent <> coalesce(s.price, 0)
UNION ALL
-- what began before the window is summed up from the rollup, whose own window I18 compares with the events; longer periods than
-- a day only where the window is longer than a day, or each look would read more the older the period is
SELECT 'I17', l.org_id, concat_ws(':', l.scope, l.scope_id, l.period), format('spent %s, rollup %s', l.spent, coalesce(s.price, 0))
FROM limit_state l
CROSS JOIN LATERAL (
  SELECT sum(r.price_paid + r.price_promo) AS price FROM usage_rollup r
  WHERE r.org_id = l.org_id AND (l.period_start IS NULL OR r.bucket >= l.period_start)
    AND l.scope_id = CASE l.scope WHEN 'key' THEN r.key_id WHEN 'app' THEN r.app_id WHEN 'member' THEN r.member_id ELSE r.org_id END
) s
WHERE (l.period = 'day' OR l.period <> 'rate' AND since < clock_timestamp() - interval '1 day')
  AND coalesce(l.period_start, '-infinity') < since AND l.spent <> coalesce(s.price, 0)
  -- of what nobody has used since, nothing has changed
  AND (SELECT true FROM usage_rollup r WHERE r.org_id = l.org_id AND r.bucket > since LIMIT 1)
UNION ALL
SELECT 'I18', coalesce(e.org_id, r.org_id), concat_ws(' ', coalesce(e.bucket, r.bucket), coalesce(e.key_id, r.key_id), coalesce(e.model_id, r.model_id)),
  format('events %s, rollup %s', (e.calls, e.price, e.promo, e.cost, e.waste, e.input, e.output), (r.calls, r.price, r.promo, r.cost, r.waste, r.input, r.output))
FROM event_sum e FULL JOIN rollup_sum r ON (r.org_id, r.bucket, r.key_id, r.model_id) = (e.org_id, e.bucket, e.key_id, e.model_id)
WHERE (e.calls, e.price, e.promo, e.cost, e.waste, e.input, e.output) IS DISTINCT FROM (r.calls, r.price, r.promo, r.cost, r.waste, r.input, r.output)
$$;

-- All of it, over all history: for tests, the admin API, and whoever wants to know.
CREATE OR REPLACE VIEW violations AS SELECT * FROM violations_since('-infinity');

-- Remembers of every wallet what its entries sum up to by now, so that the next check adds only what came since. Called when a
-- check has found nothing. Returns how many wallets had moved.
CREATE OR REPLACE FUNCTION mark_balances() RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  moved int;
BEGIN
  INSERT INTO balance_mark AS b (org_id, entry_id, posted)
  SELECT w.org_id, e.last, coalesce(m.posted, 0) + e.total
  FROM wallet w LEFT JOIN balance_mark m ON m.org_id = w.org_id
  CROSS JOIN LATERAL (
    SELECT max(x.id) AS last, sum(x.amount) AS total FROM entry x WHERE x.account_id = 'customer:' || w.org_id AND x.id > coalesce(m.entry_id, 0)
  ) e
  WHERE e.last IS NOT NULL
  -- of two that mark at once the later one wins, and its sum began where the earlier one's did
  ON CONFLICT (org_id) DO UPDATE SET entry_id = excluded.entry_id, posted = excluded.posted WHERE excluded.entry_id > b.entry_id;
  GET DIAGNOSTICS moved = ROW_COUNT;
  RETURN moved;
END $$;
