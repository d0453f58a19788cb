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
