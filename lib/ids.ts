import { randomFillSync } from "node:crypto";

/** `prefix_` + ULID: 48 bits of milliseconds, 80 random bits, Crockford base32 in lower case.
 *  Ids made later sort later, so indexes on them stay local. Only `[a-z0-9_]` (lib/secrets.ts relies on it). */
export type Id<Prefix extends string> = `${Prefix}_${string}`;
export type OrgId = Id<"org"> & { readonly __brand: "OrgId" };
export type RequestId = Id<"req">;

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const POOL_BYTES = 10 * 256;
const pool = Buffer.alloc(POOL_BYTES);
let poolOffset = POOL_BYTES;

export function newId<Prefix extends string>(prefix: Prefix, now = Date.now()): Id<Prefix> {
  return `${prefix}_${encodeTime(now)}${encodeRandom()}`;
}

/** Brands an id that an authentication gate or the database has vouched for. */
export function asOrgId(value: string): OrgId {
  // safe because callers are the gates of lib/orgs/scope.ts and rows read from the org table
  return value as OrgId;
}

function encodeTime(milliseconds: number): string {
  let text = "";
  let rest = milliseconds;
  for (let i = 0; i < 10; i++) {
    text = ALPHABET[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function encodeRandom(): string {
  if (poolOffset + 16 > POOL_BYTES) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  let text = "";
  for (let i = 0; i < 16; i++) text += ALPHABET[(pool[poolOffset + i] as number) & 31];
  poolOffset += 16;
  return text;
}
