-- The index is partial and holds a handful of rows; building it reads each partition once.
SET lock_timeout = '5s';

CREATE INDEX "usage_event_shutdown_idx" ON "usage_event" ("at") WHERE "finish_reason" = 'shutdown';

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
