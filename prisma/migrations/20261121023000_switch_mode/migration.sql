-- One function; takes no lock on any table.
-- Turns every wallet into the other mode and returns how many there were; those that are in it already stay as they are.
-- To enterprise: nothing blocks any more (floor NULL), and credit, which that mode does not know, is closed with one journal
-- each; purchased credit must be spent or refunded first (error 55006). To service: the showback balance is closed with one
-- journal each and the wallet starts at 0. Calls in flight are honoured: they settle into the new mode.
CREATE OR REPLACE FUNCTION switch_mode(mode text, actor text) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
<<switching>>
DECLARE
  w wallet;
  at timestamptz;
  journal bigint;
  switched int := 0;
BEGIN
  IF mode NOT IN ('service', 'enterprise') THEN RAISE EXCEPTION 'there is no mode %', mode USING ERRCODE = 'invalid_parameter_value'; END IF;
  PERFORM FROM wallet ORDER BY org_id FOR NO KEY UPDATE;
  at := hub_now();
  IF mode = 'enterprise' AND EXISTS (SELECT FROM credit_lot WHERE source = 'paid' AND remaining > 0) THEN
    RAISE EXCEPTION 'organisations still hold purchased credit' USING ERRCODE = 'object_in_use';
  END IF;
  FOR w IN SELECT * FROM wallet WHERE (floor IS NULL) = (mode = 'service') ORDER BY org_id LOOP
    IF w.posted > 0 OR (w.posted < 0 AND mode = 'service') THEN
      INSERT INTO journal (org_id, kind, ref, at, actor, reason)
      VALUES (w.org_id, 'mode', w.org_id || ':' || w.version, switching.at, switch_mode.actor, 'to ' || mode) RETURNING id INTO journal;
      INSERT INTO entry (journal_id, account_id, amount)
      VALUES (journal, 'customer:' || w.org_id, -w.posted),
        (journal, CASE mode WHEN 'service' THEN 'revenue' ELSE 'promo_expense' END, w.posted);
      IF mode = 'enterprise' THEN PERFORM draw_lots(w.org_id, NULL, journal, w.posted, true); END IF;
      UPDATE wallet SET posted = 0 WHERE org_id = w.org_id;
    END IF;
    UPDATE wallet SET version = version + 1, floor = CASE mode WHEN 'service' THEN 0 END, restricted = 0, next_expiry_at = NULL,
      status = CASE freeze_reason WHEN 'negative' THEN 'active' ELSE status END, freeze_reason = nullif(freeze_reason, 'negative')
    WHERE org_id = w.org_id;
    switched := switched + 1;
  END LOOP;
  RETURN switched;
END $$;
