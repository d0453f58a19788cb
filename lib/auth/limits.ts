import { createHmac } from "node:crypto";
import { isIPv6 } from "node:net";
import { RateLimiterMemory, RateLimiterPrisma, RateLimiterRes } from "rate-limiter-flexible";
import { db } from "@/lib/db";
import { env } from "@/lib/env";
import { AppError } from "@/lib/errors";

/** How often something may be tried: points within seconds, per subject. */
const LIMITS = {
  /** Per account; a browser that has signed in to it before counts by itself, so that an attack locks nobody out. */
  login: { points: 5, duration: 15 * 60 },
  loginAddress: { points: 20, duration: 60 },
  signUp: { points: 20, duration: 60 * 60 },
  mail: { points: 3, duration: 60 * 60 },
  mailAddress: { points: 20, duration: 60 * 60 },
  code: { points: 5, duration: 15 * 60 },
  token: { points: 30, duration: 60 },
} as const;
export type LimitName = keyof typeof LIMITS;

/** Counts one try. Throws rate_limit_exceeded with the time to wait. While the database is away each process counts. */
export async function consumeLimit(name: LimitName, subject: string): Promise<void> {
  try {
    await limiter(name).consume(hidden(subject));
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    throw new AppError("rate_limit_exceeded", "Too many tries. Wait a little, then try again.", {
      retryAfterMs: refused.msBeforeNext,
    });
  }
}

/** Forgets the tries: they led to success. */
export async function clearLimit(name: LimitName, subject: string): Promise<void> {
  await limiter(name).delete(hidden(subject));
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

const limiters = new Map<LimitName, RateLimiterPrisma>();

function limiter(name: LimitName): RateLimiterPrisma {
  const known = limiters.get(name);
  if (known) return known;
  const options = { keyPrefix: name, ...LIMITS[name] };
  const made = new RateLimiterPrisma({
    ...options,
    storeClient: db(),
    tableName: "rateLimit",
    insuranceLimiter: new RateLimiterMemory(options),
  });
  limiters.set(name, made);
  return made;
}

/** The table holds no address and no e-mail. */
function hidden(subject: string): string {
  return createHmac("sha256", env().authSecret).update(subject).digest("base64url");
}
