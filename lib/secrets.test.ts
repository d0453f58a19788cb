import { expect, test } from "vitest";
import {
  fingerprint,
  generateSecretsKeyPair,
  openSecret,
  publicKeyOf,
  type SecretBinding,
  SecretError,
  sealSecret,
} from "@/lib/secrets";

const binding: SecretBinding = {
  table: "credential",
  row: "cred_1",
  org: "platform",
  column: "sealed",
  origin: "https://api.openai.com",
};
const plaintext = JSON.stringify({ apiKey: "sk-secret-日本" });

test("what was sealed with the public key opens with the private key", async () => {
  const pair = await generateSecretsKeyPair();
  const record = await sealSecret(pair.publicKey, plaintext, binding);
  expect(record).toMatch(/^h1\.1\.[\w-]+\.[\w-]+$/);
  expect(record).not.toContain("secret");
  expect(await openSecret(pair.secretKey, record, binding)).toBe(plaintext);
  expect(await sealSecret(pair.publicKey, plaintext, binding)).not.toBe(record);
});

test("another table, row, organisation, column or origin never opens it", async () => {
  const pair = await generateSecretsKeyPair();
  const record = await sealSecret(pair.publicKey, plaintext, binding);
  const others: Partial<SecretBinding>[] = [
    { table: "account" },
    { row: "cred_2" },
    { org: "org_1" },
    { column: "other" },
    { origin: "https://evil.example" },
    { origin: "http://api.openai.com" },
    { origin: "https://api.openai.com:444" },
  ];
  for (const other of others) {
    await expect(openSecret(pair.secretKey, record, { ...binding, ...other }), JSON.stringify(other)).rejects.toThrow(
      SecretError,
    );
  }
});

test("no flipped bit opens", async () => {
  const pair = await generateSecretsKeyPair();
  const record = await sealSecret(pair.publicKey, plaintext, binding);
  const [, , enc = "", ciphertext = ""] = record.split(".");
  const parts = [Buffer.from(enc, "base64url"), Buffer.from(ciphertext, "base64url")] as const;
  for (const part of parts) {
    for (let bit = 0; bit < part.length * 8; bit += 3) {
      const byte = bit >> 3;
      const original = part[byte] as number;
      part[byte] = original ^ (1 << (bit & 7));
      const flipped = `h1.1.${parts[0].toString("base64url")}.${parts[1].toString("base64url")}`;
      // the top bit of an X25519 point is ignored by the curve; HPKE binds the bytes all the same
      await expect(openSecret(pair.secretKey, flipped, binding), `bit ${bit}`).rejects.toThrow(SecretError);
      part[byte] = original;
    }
  }
});

test("another version or another pair never opens it", async () => {
  const pair = await generateSecretsKeyPair();
  const record = await sealSecret(pair.publicKey, plaintext, binding);
  await expect(openSecret((await generateSecretsKeyPair()).secretKey, record, binding)).rejects.toThrow(SecretError);
  await expect(openSecret(pair.secretKey, record.replace("h1.1.", "h1.2."), binding)).rejects.toThrow(SecretError);
  const relabelled = pair.secretKey.replace(/^1\./, "2.");
  await expect(openSecret(relabelled, record.replace("h1.1.", "h1.2."), binding)).rejects.toThrow(SecretError);
  await expect(openSecret(pair.secretKey, "h1.1.x", binding)).rejects.toThrow(SecretError);
});

test("the public key alone opens nothing", async () => {
  const pair = await generateSecretsKeyPair();
  const record = await sealSecret(pair.publicKey, plaintext, binding);
  await expect(openSecret(pair.publicKey, record, binding)).rejects.toThrow(SecretError);
});

test("during a rotation both versions open, and the newest is sealed to", async () => {
  const first = await generateSecretsKeyPair(1);
  const second = await generateSecretsKeyPair(2);
  const both = `${first.secretKey},${second.secretKey}`;
  for (const pair of [first, second]) {
    expect(await openSecret(both, await sealSecret(pair.publicKey, plaintext, binding), binding)).toBe(plaintext);
  }
  expect(await publicKeyOf(both)).toBe(second.publicKey);
  expect(await publicKeyOf(first.secretKey)).toBe(first.publicKey);
});

test("a separator cannot be smuggled into a binding", async () => {
  const pair = await generateSecretsKeyPair();
  await expect(sealSecret(pair.publicKey, plaintext, { ...binding, row: "a|b" })).rejects.toThrow(SecretError);
});

test("a fingerprint tells equality and nothing else", () => {
  expect(fingerprint("p", "secret")).toMatch(/^[0-9a-f]{32}$/);
  expect(fingerprint("p", "secret")).toBe(fingerprint("p", "secret"));
  expect(fingerprint("p", "secret")).not.toBe(fingerprint("q", "secret"));
  expect(fingerprint("p", "secret")).not.toBe(fingerprint("p", "secret2"));
});
