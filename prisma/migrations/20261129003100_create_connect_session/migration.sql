-- A program that asks for an API key through its person's browser (the AIGNE CLI). The session id is known to the program and its
-- browser alone; here is its hash. The key waits in the form that the program decrypts with what it derives from the id.
CREATE TABLE connect_session (
  id_hash text PRIMARY KEY,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'allowed', 'denied')),
  key_id text,
  secret text,
  created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz(3) NOT NULL,
  CHECK ((state = 'allowed') = (key_id IS NOT NULL)),
  CHECK ((key_id IS NULL) = (secret IS NULL))
);
CREATE INDEX connect_session_expires_at_idx ON connect_session (expires_at);
