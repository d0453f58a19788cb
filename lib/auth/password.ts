import { hash, verify } from "@node-rs/argon2";
import { AppError } from "@/lib/errors";

/** argon2id, the library's default. One hash takes tens of milliseconds and 46 MiB. */
const PARAMETERS = { memoryCost: 47_104, timeCost: 1, parallelism: 1 };
const AT_ONCE = 2;
const MAX_WAITING = 20;

let running = 0;
const waiting: (() => void)[] = [];
let dummy: Promise<string> | undefined;

/** A PHC string. Throws overloaded when too many wait. */
export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(password, PARAMETERS));
}

/** Takes as long for an account without a password, or no account, as for a wrong password: pass null then.
 *  Throws overloaded when too many wait. */
export function verifyPassword(passwordHash: string | null, password: string): Promise<boolean> {
  return inTurn(async () => {
    dummy ??= hash("nobody's password", PARAMETERS);
    const matches = await verify(passwordHash ?? (await dummy), password);
    return matches && passwordHash !== null;
  });
}

async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  if (running >= AT_ONCE) {
    if (waiting.length >= MAX_WAITING) {
      throw new AppError("overloaded", "Too many people are signing in at this moment. Try again.", {
        retryAfterMs: 1000,
      });
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running++;
  try {
    return await work();
  } finally {
    // the place passes on, so `running` stays
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}
