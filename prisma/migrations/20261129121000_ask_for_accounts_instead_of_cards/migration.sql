-- Who asked for a card gave nothing to anybody. Cards are no proof any more, and reading the word as unknown would mean an address alone.
UPDATE "setting" SET "value" = '"oauth"' WHERE "key" = 'starterCreditProof' AND "value" = '"card"';
