-- When an account was opened at its provider. ACCESS EXCLUSIVE for a moment: a column without default.
SET lock_timeout = '5s';
ALTER TABLE "oauth_account" ADD COLUMN "opened_at" TIMESTAMPTZ(3);
