-- Remembers which balances were low; nothing but a new table.
SET lock_timeout = '5s';

-- CreateTable
CREATE TABLE "balance_alert" (
    "org_id" TEXT NOT NULL,
    "is_low" BOOLEAN NOT NULL DEFAULT false,
    "alerted_at" TIMESTAMPTZ(3),

    CONSTRAINT "balance_alert_pkey" PRIMARY KEY ("org_id")
);
