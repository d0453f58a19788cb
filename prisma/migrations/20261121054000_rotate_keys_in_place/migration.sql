-- A rotated key keeps its row, so that its budget, limits and history stay one; the secret it had lives beside the new one
-- until its deadline. Columns without a rewrite and a new empty table: ACCESS EXCLUSIVE on api_key for a moment.
SET lock_timeout = '5s';

ALTER TABLE "api_key"
  ADD COLUMN "note" TEXT NOT NULL DEFAULT '',
  ADD COLUMN "previous_hash" TEXT,
  ADD COLUMN "previous_last4" TEXT,
  ADD COLUMN "previous_expires_at" TIMESTAMPTZ(3),
  ADD CONSTRAINT "api_key_previous_is_whole"
    CHECK (num_nulls("previous_hash", "previous_last4", "previous_expires_at") IN (0, 3));

-- api_key holds one row per key, so building this takes milliseconds.
CREATE UNIQUE INDEX "api_key_previous_hash_key" ON "api_key" ("previous_hash");

-- When a secret was last used, and from which address: answers "is the old secret still in use" and "who will notice".
-- A row is written at most once a minute per secret and address, and kept for 30 days.
CREATE TABLE "key_use" (
    "key_id" TEXT NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "org_id" TEXT NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "key_use_pkey" PRIMARY KEY ("key_id", "secret_hash", "address"),
    CONSTRAINT "key_use_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "api_key" ("id") ON DELETE CASCADE
);
CREATE INDEX "key_use_org_id_last_at_idx" ON "key_use" ("org_id", "last_at");
