import { createCipheriv, createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";

/** How the AIGNE CLI receives its key: encrypted with what it derives from key id and challenge. This only obscures; safety rests
 *  on the session id and TLS. The challenge is derived from the session id in turn, so that the database alone opens nothing. */

const ROUNDS = 256;

export function challengeOf(sessionId: string): string {
  return createHmac("sha256", sessionId).update("access-key challenge").digest("base64url");
}

/** AES-256-CBC as OpenSSL salts it (`Salted__`, key and IV by MD5), in base64: what `CryptoJS.AES.decrypt` reads. */
export function encryptForClient(secret: string, keyId: string, challenge: string): string {
  const passphrase = pbkdf2Sync(challenge, keyId, ROUNDS, 32, "sha512").toString("hex");
  const salt = randomBytes(8);
  const derived = deriveByMd5(passphrase, salt, 48);
  const cipher = createCipheriv("aes-256-cbc", derived.subarray(0, 32), derived.subarray(32));
  const body = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()]);
  return Buffer.concat([Buffer.from("Salted__"), salt, body]).toString("base64");
}

function deriveByMd5(passphrase: string, salt: Buffer, length: number): Buffer {
  let derived = Buffer.alloc(0);
  for (let block = Buffer.alloc(0); derived.length < length; derived = Buffer.concat([derived, block]))
    block = createHash("md5").update(block).update(passphrase).update(salt).digest();
  return derived.subarray(0, length);
}
