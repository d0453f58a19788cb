import { createHash } from "node:crypto";

/** What is stored of a session id. */
export function hashed(id: string): string {
  return createHash("sha256").update(id).digest("hex");
}

/** The id behind what the program puts into the address, where it encodes it once more; null for anything else. */
export function idOf(token: string): string | null {
  const id = Buffer.from(token, "base64url").toString("utf8");
  return /^[\w-]{43}$/.test(id) ? id : null;
}
