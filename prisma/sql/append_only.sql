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
