-- Life signs of gateway processes and workers. Each boot takes a new epoch, which fences the holds of the previous life.

CREATE OR REPLACE FUNCTION node_boot(node text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  INSERT INTO node AS n (id, epoch, booted_at, beat_at) VALUES (node_boot.node, 1, hub_now(), hub_now())
  ON CONFLICT (id) DO UPDATE SET epoch = n.epoch + 1, booted_at = excluded.booted_at, beat_at = excluded.beat_at, spool_replayed = NULL
  RETURNING epoch
$$;

-- Every 5 s, with what the process says of itself. False: a newer boot has taken the name, so this process must stop.
CREATE OR REPLACE FUNCTION node_heartbeat(node text, epoch bigint, facts jsonb DEFAULT NULL) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH beat AS (
    UPDATE node n SET beat_at = hub_now(), facts = coalesce(node_heartbeat.facts, n.facts)
    WHERE n.id = node_heartbeat.node AND n.epoch = node_heartbeat.epoch RETURNING 1
  )
  SELECT EXISTS (SELECT FROM beat)
$$;

-- The new boot has settled what its previous life left in the spool: what is still open of older epochs may be swept.
CREATE OR REPLACE FUNCTION node_spool_replayed(node text, epoch bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH mark AS (
    UPDATE node n SET spool_replayed = hub_now(), beat_at = hub_now()
    WHERE n.id = node_spool_replayed.node AND n.epoch = node_spool_replayed.epoch RETURNING 1
  )
  SELECT EXISTS (SELECT FROM mark)
$$;

-- A gateway found the upstream refusing this credential: it is out of use until it is verified. `refusal` says what must be:
-- auth, the key; balance, that somebody has paid.
CREATE OR REPLACE FUNCTION disable_credential(credential text, reason text, refusal text DEFAULT 'auth') RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  WITH changed AS (
    UPDATE credential c SET status = 'disabled', status_reason = left(reason, 500), refusal = disable_credential.refusal, updated_at = hub_now()
    WHERE c.id = disable_credential.credential AND c.status = 'active' RETURNING 1
  )
  SELECT EXISTS (SELECT FROM changed)
$$;
