-- Append-only tables, change notices for gateways, the shared ledger accounts. Triggers take SHARE ROW EXCLUSIVE for a moment;
-- on a first start the tables are empty.
SET lock_timeout = '5s';

-- Ledger, usage and audit rows are never edited: a correction is a new row that points at what it corrects.
-- Grants withhold the right as well; this holds for the owner and for SECURITY DEFINER functions too.

CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;

-- A row trigger does not see TRUNCATE, so each table has two. Partitions inherit only the first (see ensure_partitions).
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON journal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON lot_draw FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON usage_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON attempt FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON price_version FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON journal EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON entry EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON lot_draw EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON usage_event EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON attempt EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON audit_event EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER no_truncate BEFORE TRUNCATE ON price_version EXECUTE FUNCTION refuse_change();

-- Gateways hold configuration and keys in memory; these triggers tell them what changed.

-- hub_config, payload = table. The version is a row, not a sequence: it becomes visible with the change it counts.
CREATE OR REPLACE FUNCTION announce_config() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE config_version SET version = version + 1 WHERE id = 1;
  PERFORM pg_notify('hub_config', TG_TABLE_NAME);
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON provider EXECUTE FUNCTION announce_config();
CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON credential EXECUTE FUNCTION announce_config();
CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON model EXECUTE FUNCTION announce_config();
CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON model_alias EXECUTE FUNCTION announce_config();
CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON offer EXECUTE FUNCTION announce_config();
CREATE OR REPLACE TRIGGER announce AFTER INSERT ON price_version EXECUTE FUNCTION announce_config();
CREATE OR REPLACE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON setting EXECUTE FUNCTION announce_config();

-- hub_key, payload = key id, or org:{id} for all keys of an organisation. A new key is found by look-up, so inserts are silent.
CREATE OR REPLACE FUNCTION announce_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('hub_key', OLD.id);
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION announce_org() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('hub_key', 'org:' || OLD.id);
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER announce AFTER UPDATE OR DELETE ON api_key FOR EACH ROW EXECUTE FUNCTION announce_key();
CREATE OR REPLACE TRIGGER announce AFTER DELETE ON org FOR EACH ROW EXECUTE FUNCTION announce_org();
CREATE OR REPLACE TRIGGER announce_status AFTER UPDATE OF status ON org FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION announce_org();

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

SELECT ensure_partitions();

INSERT INTO account (id, kind) VALUES
  ('stripe_clearing', 'stripe_clearing'), ('bank', 'bank'), ('stripe_fees', 'stripe_fees'), ('revenue', 'revenue'),
  ('promo_expense', 'promo_expense'), ('breakage', 'breakage'), ('refunds', 'refunds'), ('disputes', 'disputes'), ('bad_debt', 'bad_debt')
ON CONFLICT (id) DO NOTHING;
