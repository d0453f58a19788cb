-- An organisation's default factor is a price version of subject `org`. Takes ACCESS EXCLUSIVE on price_version for one look at
-- its rows, which are few; the gateway has them in memory.
SET lock_timeout = '5s';

ALTER TABLE "price_version" DROP CONSTRAINT "price_version_subject_check";
ALTER TABLE "price_version" ADD CONSTRAINT "price_version_subject_check" CHECK ("subject" IN ('model', 'offer', 'org'));
