-- Keeps the current month and three ahead of it. Called by the worker every hour; returns the partitions it made.
-- Attaching scans the empty DEFAULT partition under its lock and takes SHARE UPDATE EXCLUSIVE on the parent, which
-- neither readers nor writers wait for.
CREATE OR REPLACE FUNCTION ensure_partitions() RETURNS text[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  month timestamptz := date_trunc('month', clock_timestamp(), 'UTC');
  following timestamptz;
  name text;
  made text[] := '{}';
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('ensure_partitions', 0));
  FOR step IN 0..3 LOOP
    following := (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    name := 'usage_event_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
    IF to_regclass(name) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE usage_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', name);
      EXECUTE format('ALTER TABLE usage_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, month, following);
      made := made || name;
    END IF;
    month := following;
  END LOOP;
  -- row triggers come down from the parent, TRUNCATE triggers do not
  FOR name IN SELECT i.inhrelid::regclass::text FROM pg_inherits i WHERE i.inhparent = 'usage_event'::regclass
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = i.inhrelid AND t.tgname = 'no_truncate') LOOP
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %s EXECUTE FUNCTION refuse_change()', name);
  END LOOP;
  RETURN made;
END $$;
