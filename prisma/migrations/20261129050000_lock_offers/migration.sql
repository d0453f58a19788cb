-- One column with a constant default: nothing is rewritten, and the lock on a table of some hundred rows is held for milliseconds.

-- AlterTable
ALTER TABLE "offer" ADD COLUMN "locked" BOOLEAN NOT NULL DEFAULT false;
