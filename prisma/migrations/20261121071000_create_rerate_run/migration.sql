-- What re-rating stored calls found; nothing but a new table.
SET lock_timeout = '5s';

-- CreateTable
CREATE TABLE "rerate_run" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "since" TIMESTAMPTZ(3) NOT NULL,
    "until" TIMESTAMPTZ(3) NOT NULL,
    "share_bp" INTEGER NOT NULL,
    "checked" INTEGER NOT NULL,
    "differing" INTEGER NOT NULL,
    "differences" JSONB NOT NULL,

    CONSTRAINT "rerate_run_pkey" PRIMARY KEY ("id")
);
