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
CREATE OR REPLACE TRIGGER announce_models AFTER UPDATE OF allowed_models ON org FOR EACH ROW
  WHEN (OLD.allowed_models IS DISTINCT FROM NEW.allowed_models) EXECUTE FUNCTION announce_org();
