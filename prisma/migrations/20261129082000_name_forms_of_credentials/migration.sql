-- One column without a default, and an index over a few dozen rows: writers of credentials wait for milliseconds.
SET lock_timeout = '5s';
ALTER TABLE "credential" ADD COLUMN "form_id" TEXT;
CREATE UNIQUE INDEX "credential_form_id_key" ON "credential"("form_id");
