-- Binds member tokens to the session that asked for them. Adding a column without a default takes ACCESS EXCLUSIVE on api_key for
-- an instant; the foreign key is checked against rows that all hold NULL.
SET lock_timeout = '5s';

-- AlterTable
ALTER TABLE "api_key" ADD COLUMN     "session_id" TEXT;

-- CreateIndex
CREATE INDEX "api_key_session_id_idx" ON "api_key"("session_id");

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_session_id_fkey" FOREIGN KEY ("session_id") REFERENCES "auth_session"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- A member token lives no longer than the session that asked for it, however that session ends: sign-out, revocation, a new
-- password, a deleted person. The trigger on api_key tells the gateways. SECURITY DEFINER: whoever may end a session may
-- not always write keys.
CREATE OR REPLACE FUNCTION end_member_tokens() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE api_key SET status = 'revoked', revoked_at = clock_timestamp() WHERE session_id = OLD.id AND status <> 'revoked';
  RETURN OLD;
END $$;

-- Before, since the foreign key then forgets the session. The row is locked by then: a token inserted meanwhile has either
-- committed and is seen, or finds no session.
CREATE OR REPLACE TRIGGER end_member_tokens BEFORE DELETE ON auth_session FOR EACH ROW EXECUTE FUNCTION end_member_tokens();
