-- Gateways hold configuration and keys in memory; these triggers tell them what changed.

-- hub_config, payload = table. The version is a row, not a sequence: it becomes visible with the change it counts. What a check
-- writes down of a credential (when, and why it failed) is no configuration, and a statement that changes no row no change:
-- each would make every gateway read everything anew.
CREATE OR REPLACE FUNCTION announce_config() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  notes text[] := '{updated_at,last_tested_at,status_reason,refusal}';
  changed boolean;
BEGIN
  -- apart, as an expression that names a table which this statement does not have cannot be planned
  IF TG_OP = 'INSERT' THEN
    changed := EXISTS (SELECT FROM new_rows);
  ELSIF TG_OP = 'DELETE' THEN
    changed := EXISTS (SELECT FROM old_rows);
  ELSE
    changed := EXISTS (SELECT to_jsonb(n) - notes FROM new_rows n EXCEPT SELECT to_jsonb(o) - notes FROM old_rows o);
  END IF;
  IF changed THEN
    UPDATE config_version SET version = version + 1 WHERE id = 1;
    PERFORM pg_notify('hub_config', TG_TABLE_NAME);
  END IF;
  RETURN NULL;
END $$;

-- A trigger that sees the rows of a statement serves one kind of statement.
DO $$
DECLARE
  configuration text;
BEGIN
  FOREACH configuration IN ARRAY '{provider,credential,model,model_alias,offer,price_version,setting}'::text[] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER announce_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows EXECUTE FUNCTION announce_config()', configuration);
    CONTINUE WHEN configuration = 'price_version'; -- append-only
    EXECUTE format('CREATE OR REPLACE TRIGGER announce_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows EXECUTE FUNCTION announce_config()', configuration);
    EXECUTE format('CREATE OR REPLACE TRIGGER announce_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows EXECUTE FUNCTION announce_config()', configuration);
  END LOOP;
END $$;

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
CREATE OR REPLACE TRIGGER announce_models AFTER UPDATE OF allowed_models ON org FOR EACH ROW
  WHEN (OLD.allowed_models IS DISTINCT FROM NEW.allowed_models) EXECUTE FUNCTION announce_org();
