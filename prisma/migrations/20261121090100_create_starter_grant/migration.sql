-- CreateTable
CREATE TABLE "starter_grant" (
    "fingerprint" TEXT NOT NULL,
    "amount_nano" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "starter_grant_pkey" PRIMARY KEY ("fingerprint")
);

-- CreateIndex
CREATE INDEX "starter_grant_at_idx" ON "starter_grant"("at");
