-- What a gateway found out about a route and the others should know.

-- Rests a target (a credential, or an offer with one) from now on for `rest_ms`; `openings` counts the rests of a breaker in a
-- row and is 0 for a plain cool-down. rest_ms 0: it works again. A later rest is not cut short by another node's shorter one.
CREATE OR REPLACE FUNCTION breaker_set(target text, rest_ms int, openings int, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF rest_ms <= 0 THEN
    DELETE FROM breaker b WHERE b.target = breaker_set.target;
  ELSE
    INSERT INTO breaker AS b (target, until, openings, reason)
    VALUES (breaker_set.target, clock_timestamp() + rest_ms * interval '1 millisecond', breaker_set.openings, left(breaker_set.reason, 100))
    ON CONFLICT ON CONSTRAINT breaker_pkey DO UPDATE
      SET until = greatest(b.until, excluded.until), openings = greatest(b.openings, excluded.openings), reason = excluded.reason,
        updated_at = clock_timestamp();
  END IF;
  -- nobody closes the breaker of a route that is called no more
  DELETE FROM breaker b WHERE b.until < clock_timestamp() - interval '1 hour' OR b.openings = 0 AND b.until < clock_timestamp();
  PERFORM pg_notify('hub_health', '');
END $$;
