import { createHmac, randomFillSync, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

/** sk: app key · mk: management key · pt: first-party member token, 15 minutes. */
export type KeyKind = "sk" | "mk" | "pt";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARACTERS = 43;
const CHECKSUM_CHARACTERS = 6;
const PREFIX_CHARACTERS = "aigne_sk_".length;
const KEY_CHARACTERS = PREFIX_CHARACTERS + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS;
/** A multiple of 62: bytes from here on are thrown away, so that every character is equally likely. */
const REJECT_FROM = 248;

/** A new secret of 58 characters: `aigne_{kind}_`, 256 random bits, CRC32 of all that precedes. Shown once, never stored. */
export function generateKey(kind: KeyKind): string {
  const body = `aigne_${kind}_${randomBase62(RANDOM_CHARACTERS)}`;
  return body + checksum(body);
}

/** What is stored and looked up: hex HMAC-SHA-256. The pepper stops whoever can only write the database from planting a key. */
export function hashKey(pepper: string, key: string): string {
  return createHmac("sha256", pepper).update(key).digest("hex");
}

export function keyKind(key: string): KeyKind | null {
  const match = /^aigne_(sk|mk|pt)_/.exec(key);
  return match ? (match[1] as KeyKind) : null;
}

/** Rejects junk without a look-up. The checksum is enforced for app keys only: an operator may choose a management key. */
export function isWellFormedKey(key: string): boolean {
  const kind = keyKind(key);
  if (!kind || key.length > 200) return false;
  if (kind !== "sk") return /^[0-9A-Za-z]{32,}$/.test(key.slice(PREFIX_CHARACTERS));
  if (key.length !== KEY_CHARACTERS || !/^[0-9A-Za-z]+$/.test(key.slice(PREFIX_CHARACTERS))) return false;
  const body = key.slice(0, -CHECKSUM_CHARACTERS);
  return timingSafeEqual(Buffer.from(checksum(body)), Buffer.from(key.slice(-CHECKSUM_CHARACTERS)));
}

/** What may be shown of a key: enough to recognise it, nothing to guess it. */
export function keyDisplay(key: string): { prefix: string; last4: string } {
  return { prefix: key.slice(0, PREFIX_CHARACTERS), last4: key.slice(-4) };
}

function checksum(body: string): string {
  let rest = crc32(body);
  let text = "";
  for (let i = 0; i < CHECKSUM_CHARACTERS; i++) {
    text = ALPHABET[rest % 62] + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

function randomBase62(length: number): string {
  const bytes = Buffer.alloc(length * 2);
  let text = "";
  while (text.length < length) {
    for (const byte of randomFillSync(bytes)) {
      if (byte < REJECT_FROM && text.length < length) text += ALPHABET[byte % 62];
    }
  }
  return text;
}
