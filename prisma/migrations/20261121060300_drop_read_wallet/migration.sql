-- Nobody asks it: balances are read where they are enforced, and by reports of the key.
SET lock_timeout = '5s';

DROP FUNCTION read_wallet(text);
