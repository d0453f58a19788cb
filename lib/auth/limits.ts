import { createHmac } from "node:crypto";
import { isIPv6 } from "node:net";
import { RateLimiterMemory, RateLimiterPrisma, RateLimiterRes } from "rate-limiter-flexible";
import { db } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";

/** How often something may be tried: points within seconds, per subject. With `growsTo`, whoever uses up all tries again and
 *  again waits twice as long each time, up to that many seconds. */
const LIMITS = {
  /** Per account; a browser that has signed in to it before counts by itself, so that an attack locks nobody out. */
  login: { points: 5, duration: 15 * 60, growsTo: 60 * 60 },
  loginAddress: { points: 20, duration: 60, growsTo: 60 * 60 },
  signUp: { points: 20, duration: 60 * 60 },
  mail: { points: 3, duration: 60 * 60 },
  mailAddress: { points: 20, duration: 60 * 60 },
  code: { points: 5, duration: 15 * 60 },
  token: { points: 30, duration: 60 },
  /** Per network: programs that ask for a key through the browser. */
  connect: { points: 60, duration: 60 * 60 },
} as const;
export type LimitName = keyof typeof LIMITS;
type Limit = { points: number; duration: number; growsTo?: number };
/** How long it is remembered that somebody has used up all tries before. */
const ROUNDS_SECONDS = 24 * 60 * 60;

/** Counts one try. Throws rate_limit_exceeded with the time to wait. While the database is away each process counts. */
export async function consumeLimit(name: LimitName, subject: string): Promise<void> {
  const key = hidden(subject);
  try {
    await limiter(name).consume(key);
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    throw new AppError("rate_limit_exceeded", "Too many tries. Wait a little, then try again.", {
      retryAfterMs: await waitAfter(name, key, refused),
    });
  }
}

/** Forgets the tries: they led to success. */
export async function clearLimit(name: LimitName, subject: string): Promise<void> {
  const key = hidden(subject);
  await limiter(name).delete(key);
  if ("growsTo" in LIMITS[name]) await roundsOf(name).delete(key);
}

/** The first refusal after the allowed tries ends a round: each one doubles the wait. Later refusals wait it out. */
async function waitAfter(name: LimitName, key: string, refused: RateLimiterRes): Promise<number> {
  const { points, duration, growsTo }: Limit = LIMITS[name];
  if (growsTo === undefined || refused.consumedPoints !== points + 1) return refused.msBeforeNext;
  const { consumedPoints: round } = await roundsOf(name).penalty(key);
  if (round === 1) return refused.msBeforeNext;
  const seconds = Math.min(duration * 2 ** (round - 1), growsTo);
  await limiter(name).block(key, seconds);
  return seconds * 1000;
}

/** A customer's IPv6 network is a /64, of which any address is theirs. */
export function networkOf(ip: string | null): string {
  if (!ip) return "unknown";
  const plain = ip.split("%")[0] ?? "";
  if (!isIPv6(plain)) return ip;
  const [head = "", tail] = plain.toLowerCase().split("::");
  const front = head ? head.split(":") : [];
  const back = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? 0 : Math.max(8 - front.length - back.length, 0);
  const groups = [...front, ...Array<string>(zeros).fill("0"), ...back];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

const limiters = new Map<string, RateLimiterPrisma>();

function limiter(name: LimitName): RateLimiterPrisma {
  const { points, duration } = LIMITS[name];
  return keptLimiter({ keyPrefix: name, points, duration });
}

function roundsOf(name: LimitName): RateLimiterPrisma {
  return keptLimiter({ keyPrefix: `${name}Rounds`, points: Number.MAX_SAFE_INTEGER, duration: ROUNDS_SECONDS });
}

function keptLimiter(options: { keyPrefix: string; points: number; duration: number }): RateLimiterPrisma {
  const known = limiters.get(options.keyPrefix);
  if (known) return known;
  const made = new RateLimiterPrisma({
    ...options,
    storeClient: db(),
    tableName: "rateLimit",
    insuranceLimiter: new RateLimiterMemory(options),
  });
  limiters.set(options.keyPrefix, made);
  return made;
}

/** The table holds no address and no e-mail. */
function hidden(subject: string): string {
  return createHmac("sha256", env().authSecret).update(subject).digest("base64url");
}
