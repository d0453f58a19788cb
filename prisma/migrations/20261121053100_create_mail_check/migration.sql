-- What the worker found when it last tried its mail server; nothing but a new table.
SET lock_timeout = '5s';

CREATE TABLE "mail_check" (
    "id" TEXT NOT NULL,
    "via" TEXT NOT NULL,
    "ok" BOOLEAN NOT NULL,
    "detail" TEXT NOT NULL,
    "checked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT "mail_check_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "mail_check_via" CHECK ("via" IN ('smtp', 'outbox'))
);
