-- What providers bill for a credential and a day, beside what the calls of that day were counted at. A new table: nobody waits.
CREATE TABLE "provider_bill" (
  "credential_id" TEXT NOT NULL,
  "day" DATE NOT NULL,
  "billed_nano" BIGINT NOT NULL CHECK ("billed_nano" >= 0),
  "counted_nano" BIGINT NOT NULL,
  "attempts" INTEGER NOT NULL,
  "unpriced" INTEGER NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY ("credential_id", "day")
);
