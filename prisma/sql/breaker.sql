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
        probe_until = NULL, updated_at = clock_timestamp();
  END IF;
  -- nobody closes the breaker of a route that is called no more
  DELETE FROM breaker b WHERE b.until < clock_timestamp() - interval '1 hour' OR b.openings = 0 AND b.until < clock_timestamp();
  PERFORM pg_notify('hub_health', '');
END $$;

-- Who may probe a route whose rest is over: one call over all nodes, and the worker. 0: the caller, for `lease_ms`, until a
-- breaker_set or breaker_release ends it. Else how many milliseconds it rests, or somebody else keeps it.
CREATE OR REPLACE FUNCTION breaker_claim(target text, lease_ms int) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  kept timestamptz;
BEGIN
  UPDATE breaker b SET probe_until = clock_timestamp() + breaker_claim.lease_ms * interval '1 millisecond'
  WHERE b.target = breaker_claim.target AND greatest(b.until, b.probe_until) <= clock_timestamp();
  IF FOUND THEN RETURN 0; END IF;
  SELECT greatest(b.until, b.probe_until) INTO kept FROM breaker b WHERE b.target = breaker_claim.target;
  -- no row: it was closed meanwhile
  RETURN coalesce(greatest(0, ceil(extract(epoch FROM kept - clock_timestamp()) * 1000)), 0);
END $$;

-- The probe told nothing about the route.
CREATE OR REPLACE FUNCTION breaker_release(target text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  UPDATE breaker b SET probe_until = NULL WHERE b.target = breaker_release.target
$$;
