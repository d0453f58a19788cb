-- One column without a default: nothing is rewritten. The index is built under a lock that writers of keys wait for; one key is
-- one row, so that takes milliseconds.

-- AlterTable
ALTER TABLE "api_key" ADD COLUMN "form_id" TEXT;

-- CreateIndex
CREATE UNIQUE INDEX "api_key_org_id_form_id_key" ON "api_key"("org_id", "form_id");
