-- New columns that are null or have a constant default, and one trigger: nothing is rewritten.
SET lock_timeout = '5s';

ALTER TABLE "model" ADD COLUMN "capabilities" JSONB;
ALTER TABLE "offer" ADD COLUMN "capabilities" JSONB, ADD COLUMN "context_window" INTEGER, ADD COLUMN "timeouts" JSONB;
ALTER TABLE "model_alias" ADD COLUMN "fallbacks" TEXT[] NOT NULL DEFAULT '{}';
ALTER TABLE "org" ADD COLUMN "allowed_models" TEXT[] NOT NULL DEFAULT '{}';

CREATE OR REPLACE TRIGGER announce_models AFTER UPDATE OF allowed_models ON org FOR EACH ROW
  WHEN (OLD.allowed_models IS DISTINCT FROM NEW.allowed_models) EXECUTE FUNCTION announce_org();
