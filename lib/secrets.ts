import { createHmac } from "node:crypto";
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";

/** Sealed secrets: HPKE (RFC 9180) base mode, single shot. Whoever holds the public half can seal and never open.
 *  A record is `h1.{kekVersion}.{enc}.{ciphertext}`; a key is `{kekVersion}.{32 bytes base64url}`. */

/** The place a record belongs to. Copied to any other row, organisation, column or upstream origin, it does not open. */
export type SecretBinding = { table: string; row: string; org: string; column: string; origin: string };

/** A record that does not open. The message never holds key or plaintext. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });

/** @param version the key-encryption-key version; a rotation makes version + 1. */
export async function generateSecretsKeyPair(version = 1): Promise<{ secretKey: string; publicKey: string }> {
  const pair = await suite.kem.generateKeyPair();
  return {
    secretKey: `${version}.${toText(await suite.kem.serializePrivateKey(pair.privateKey))}`,
    publicKey: `${version}.${toText(await suite.kem.serializePublicKey(pair.publicKey))}`,
  };
}

/** The public half of a private key, so that an operator need only keep one of them. */
export async function publicKeyOf(secretKey: string): Promise<string> {
  const { version, bytes } = parseKey(newestOf(secretKey));
  const jwk = await crypto.subtle.exportKey("jwk", await suite.kem.deserializePrivateKey(bytes));
  return `${version}.${jwk.x}`;
}

/** Each seal draws a fresh ephemeral key, so there is no nonce to manage. */
export async function sealSecret(publicKey: string, plaintext: string, binding: SecretBinding): Promise<string> {
  const { version, bytes } = parseKey(newestOf(publicKey));
  const recipientPublicKey = await suite.kem.deserializePublicKey(bytes);
  const sealed = await suite.seal(
    { recipientPublicKey, info: info(binding, version) },
    encode(plaintext).buffer,
    encode(binding.origin).buffer,
  );
  return `h1.${version}.${toText(sealed.enc)}.${toText(sealed.ct)}`;
}

/** @param secretKey one private key, or during a rotation several separated by commas.
 *  Throws SecretError when record, key or binding do not belong together. */
export async function openSecret(secretKey: string, record: string, binding: SecretBinding): Promise<string> {
  const match = /^h1\.(\d{1,6})\.([\w-]+)\.([\w-]+)$/.exec(record);
  if (!match) throw new SecretError("The sealed secret is malformed.");
  const [, version = "", enc = "", ciphertext = ""] = match;
  const key = secretKey
    .split(",")
    .map((text) => parseKey(text.trim()))
    .find((candidate) => candidate.version === version);
  if (!key) throw new SecretError(`The secret is sealed to key version ${version}, which this process does not hold.`);
  try {
    const plaintext = await suite.open(
      {
        recipientKey: await suite.kem.deserializePrivateKey(key.bytes),
        enc: fromText(enc),
        info: info(binding, version),
      },
      fromText(ciphertext),
      encode(binding.origin).buffer,
    );
    return new TextDecoder("utf-8", { fatal: true }).decode(plaintext);
  } catch (cause) {
    throw new SecretError("The sealed secret does not belong to this key, row or upstream address.", { cause });
  }
}

/** The key-encryption-key version a key or a record was made for. */
export function secretsKeyVersion(keyOrRecord: string): number {
  return Number(/^(?:h1\.)?(\d+)\./.exec(keyOrRecord)?.[1] ?? Number.NaN);
}

/** Tells whether two secrets are equal without showing either: 32 hexadecimal characters. */
export function fingerprint(pepper: string, plaintext: string): string {
  return createHmac("sha256", pepper).update("fingerprint\0").update(plaintext).digest("hex").slice(0, 32);
}

function info({ table, row, org, column }: SecretBinding, version: string): ArrayBuffer {
  const parts = [table, row, org, column];
  // `|` separates the parts, so none may hold one
  if (!parts.every((part) => /^[a-z0-9_]+$/.test(part)))
    throw new SecretError("A secret's binding has characters outside [a-z0-9_].");
  return encode([...parts, version].join("|")).buffer;
}

function newestOf(keys: string): string {
  return (
    keys
      .split(",")
      .map((key) => key.trim())
      .sort((a, b) => secretsKeyVersion(b) - secretsKeyVersion(a))[0] ?? keys
  );
}

function parseKey(text: string): { version: string; bytes: ArrayBuffer } {
  const match = /^(\d{1,6})\.([\w-]{43})$/.exec(text);
  if (!match) throw new SecretError("A secrets key has the form 1.<43 base64url characters>.");
  return { version: match[1] as string, bytes: fromText(match[2] as string) };
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function toText(bytes: ArrayBuffer): string {
  return Buffer.from(bytes).toString("base64url");
}

/** A copy in a buffer of its own: a small Buffer shares a pool, which HPKE would read whole. */
function fromText(text: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(text, "base64url")).buffer;
}
