-- Where a person of several organisations starts. A nullable column without a default: the table is locked for a moment only.
SET lock_timeout = '5s';

ALTER TABLE "user" ADD COLUMN "last_org_id" TEXT;
