import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type Env, EnvError, GENERATED_SECRETS, generatedSecretPath, type Secrets } from "@/lib/env";
import { generateSecretsKeyPair, publicKeyOf } from "@/lib/secrets";

/** The secrets every role needs: those given, else those kept in the data directory, else new ones (mode 0600).
 *  Idempotent. In production throws EnvError naming the missing ones: a secret made by the way would die with its disk. */
export async function ensureSecrets(settings: Pick<Env, "dataDir" | "production" | "secrets">): Promise<Secrets> {
  const found = settings.secrets;
  const missing = GENERATED_SECRETS.filter((name) => !found[name]);
  if (settings.production && missing.length > 0) {
    throw new EnvError(
      `In production ${enumerate(missing)} must be given, each as itself or as a file (${missing[0]}_FILE): .env.example explains them; HUB_PRODUCTION=false makes this a trial that generates its own.`,
    );
  }
  const keep = (name: keyof Secrets, value: string) => write(generatedSecretPath(settings.dataDir, name), value);
  const sealing = await ensureKeyPair(found, keep);
  return {
    HUB_SECRETS_KEY: sealing.secretKey,
    HUB_SECRETS_PUBLIC_KEY: sealing.publicKey,
    HUB_KEY_PEPPER: found.HUB_KEY_PEPPER ?? keep("HUB_KEY_PEPPER", randomBytes(33).toString("base64url")),
    AUTH_SECRET: found.AUTH_SECRET ?? keep("AUTH_SECRET", randomBytes(33).toString("base64url")),
  };
}

async function ensureKeyPair(found: Partial<Secrets>, keep: (name: keyof Secrets, value: string) => string) {
  const { HUB_SECRETS_KEY: secretKey, HUB_SECRETS_PUBLIC_KEY: publicKey } = found;
  if (publicKey && !secretKey) {
    throw new EnvError("HUB_SECRETS_PUBLIC_KEY is given without HUB_SECRETS_KEY: set both, or neither.");
  }
  if (!secretKey) {
    const made = await generateSecretsKeyPair();
    // The private half first: the public one follows from it at the next start if this one is interrupted here.
    keep("HUB_SECRETS_KEY", made.secretKey);
    keep("HUB_SECRETS_PUBLIC_KEY", made.publicKey);
    return made;
  }
  const derived = await publicKeyOf(secretKey).catch(() => {
    throw new EnvError(
      "HUB_SECRETS_KEY is not a key made by the hub: give the whole value, such as 1.… from .data/secrets.",
    );
  });
  if (publicKey && !publicKey.split(",").includes(derived)) {
    throw new EnvError("HUB_SECRETS_PUBLIC_KEY does not belong to HUB_SECRETS_KEY: give the two halves of one pair.");
  }
  return { secretKey, publicKey: derived };
}

function write(path: string, value: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  chmodSync(dirname(path), 0o700);
  writeFileSync(`${path}.new`, `${value}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path); // whole or absent, whatever interrupts
  return value;
}

function enumerate(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
