import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hash as hashPassword } from "@node-rs/argon2";
import { contentHash } from "@/lib/catalog/admin-prices";
import { ratesInput, type WrittenRates } from "@/lib/catalog/rates";
import { createDb } from "@/lib/db";
import { newId } from "@/lib/ids";
import { generateKey, hashKey, isWellFormedKey, keyDisplay } from "@/lib/keys/secret";
import { parseUsd } from "@/lib/money";
import { MANAGEMENT_KEY_PERMISSIONS } from "@/lib/orgs/permissions";
import { getSettings } from "@/lib/settings/queries";
import { DEFAULT_SETTINGS, defaultKeyCap } from "@/lib/settings/schema";
import type { Prisma, PrismaClient } from "@/prisma/generated/client";

export type SeedInput = {
  /** The owner's: the seed writes what no application role may. */
  databaseUrl: string;
  production: boolean;
  dataDir: string;
  keyPepper: string;
  /** Serve the simulated provider in production too. */
  sandboxInProduction?: boolean;
  bootstrapManagementKey?: string;
  bootstrapAdminEmail?: string;
  bootstrapAdminPassword?: string;
};

const SEED = "system:seed";
const SANDBOX_CREDIT_USD = "10";
const SANDBOX_KEY_NAME = "First call";
/** One person's parallel starts take turns; a second hub on the same database waits too. */
const SEED_LOCK = 727_073_691;

type SeedModel = {
  id: string;
  type: "chat" | "embedding" | "image";
  displayName: string;
  upstreamModel: string;
  contextWindow?: number;
  maxOutputTokens?: number;
  price: WrittenRates;
  cost: WrittenRates;
};

/** Plain small figures, so that a receipt is easy to check by hand. The simulation costs nothing. */
const SANDBOX_MODELS: readonly SeedModel[] = [
  {
    id: "sandbox/chat",
    type: "chat",
    displayName: "Sandbox chat (simulation)",
    upstreamModel: "chat",
    contextWindow: 128_000,
    maxOutputTokens: 4_096,
    price: { input: "0.1", output: "0.4" },
    cost: { input: "0", output: "0" },
  },
  {
    id: "sandbox/embedding",
    type: "embedding",
    displayName: "Sandbox embedding (simulation)",
    upstreamModel: "embedding",
    contextWindow: 8_192,
    price: { input: "0.02" },
    cost: { input: "0" },
  },
  {
    id: "sandbox/image",
    type: "image",
    displayName: "Sandbox image (simulation)",
    upstreamModel: "image",
    price: { perImage: "0.01" },
    cost: { perImage: "0" },
  },
];

/** What a new instance starts with. Idempotent: what exists is left as its operator made it.
 *  Returns the key of the sandbox organisation outside production. */
export async function seed(input: SeedInput): Promise<{ sandboxKey?: string }> {
  const db = createDb(input.databaseUrl, { max: 1 });
  try {
    return await db.$transaction(
      async (tx) => {
        await tx.$executeRaw`SELECT pg_advisory_xact_lock(${SEED_LOCK})`;
        await seedSettings(tx);
        await seedSandboxModels(tx, input);
        await seedBootstrap(tx, input);
        return input.production ? {} : { sandboxKey: await seedSandboxOrg(tx, input) };
      },
      { timeout: 60_000, maxWait: 10_000 },
    );
  } finally {
    await db.$disconnect();
  }
}

type Tx = Prisma.TransactionClient | PrismaClient;

async function seedSettings(tx: Tx): Promise<void> {
  const data = Object.entries(DEFAULT_SETTINGS)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => ({ key, value: value as Prisma.InputJsonValue }));
  await tx.setting.createMany({ data, skipDuplicates: true });
}

async function seedSandboxModels(tx: Tx, { production, sandboxInProduction = false }: SeedInput): Promise<void> {
  if (production && sandboxInProduction)
    await tx.provider.updateMany({ where: { slug: "sandbox" }, data: { enabled: true } });
  // once each: a provider or model that its operator deleted does not come back
  const seeded = await tx.priceVersion.findMany({
    where: { source: "seed", subject: "model" },
    select: { subjectId: true },
  });
  const missing = SANDBOX_MODELS.filter(({ id }) => !seeded.some(({ subjectId }) => subjectId === id));
  if (missing.length === 0) return;
  const known = await tx.provider.findUnique({ where: { slug: "sandbox" } });
  if (!known && seeded.length > 0) return;
  const displayName = "Sandbox (simulation)";
  const enabled = !production || sandboxInProduction;
  const provider =
    known ??
    (await tx.provider.create({ data: { id: newId("prov"), slug: "sandbox", kind: "sandbox", displayName, enabled } }));
  for (const { id, upstreamModel, price, cost, ...model } of missing) {
    if (await tx.model.findUnique({ where: { id } })) continue;
    await tx.model.create({ data: { id, ...model } });
    const offerId = newId("off");
    await tx.offer.create({ data: { id: offerId, modelId: id, providerId: provider.id, upstreamModel } });
    await seedRates(tx, "offer", offerId, cost);
    await seedRates(tx, "model", id, price);
  }
}

async function seedRates(tx: Tx, subject: "model" | "offer", subjectId: string, written: WrittenRates): Promise<void> {
  const rates = ratesInput.parse(written);
  await tx.priceVersion.create({
    data: { subject, subjectId, rates, contentHash: contentHash(rates), source: "seed", createdBy: SEED },
  });
}

/** The organisation behind the curl that a first start prints: comp credit, and a key for sandbox models only. */
async function seedSandboxOrg(tx: Tx, { dataDir, keyPepper }: SeedInput): Promise<string | undefined> {
  const known = await tx.org.findUnique({ where: { slug: "sandbox" } });
  const org = known ?? (await tx.org.create({ data: { id: newId("org"), slug: "sandbox", name: "Sandbox" } }));
  if (!known) {
    await tx.$executeRaw`SELECT create_wallet(${org.id}, 0::bigint)`;
    await tx.$executeRaw`SELECT grant_credit(${org.id}, ${parseUsd(SANDBOX_CREDIT_USD)}::bigint, 'comp', ${`credit_${org.id}`},
      ${SEED}, 'First calls of a new instance', NULL::timestamptz, false)`;
  }
  const app = await tx.app.upsert({
    where: { orgId_name: { orgId: org.id, name: "default" } },
    create: { id: newId("app"), orgId: org.id, name: "default" },
    update: {},
  });
  const key = keepKey(dataDir);
  const existing = await tx.apiKey.findUnique({ where: { hash: hashKey(keyPepper, key) } });
  if (existing) return existing.status === "active" ? key : undefined;
  // its plaintext is gone with an earlier data directory
  await tx.apiKey.updateMany({
    where: { orgId: org.id, name: SANDBOX_KEY_NAME, createdBy: SEED, status: "active" },
    data: { status: "revoked", revokedAt: new Date() },
  });
  const id = newId("key");
  await tx.apiKey.create({
    data: {
      id,
      orgId: org.id,
      appId: app.id,
      name: SANDBOX_KEY_NAME,
      ...keyDisplay(key),
      hash: hashKey(keyPepper, key),
      allowedModels: ["sandbox/*"],
      createdBy: SEED,
    },
  });
  const cap = defaultKeyCap(await getSettings(tx));
  if (cap !== null)
    await tx.$executeRaw`SELECT set_limits(${org.id}, 'key', ${id}, ${JSON.stringify({ cap: cap.toString() })}::jsonb)`;
  return key;
}

function keepKey(dataDir: string): string {
  const path = join(dataDir, "sandbox.key");
  const kept = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  if (isWellFormedKey(kept)) return kept;
  const key = generateKey("sk");
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(path, `${key}\n`, { mode: 0o600 });
  return key;
}

/** Management key and first owner from the environment; they act only while no platform owner exists. */
async function seedBootstrap(tx: Tx, input: SeedInput): Promise<void> {
  if (await tx.staff.findFirst({ where: { role: "owner" } })) return;
  const { bootstrapManagementKey, bootstrapAdminEmail, bootstrapAdminPassword } = input;
  if (bootstrapManagementKey) await seedManagementKey(tx, bootstrapManagementKey, input.keyPepper);
  if (bootstrapAdminEmail && bootstrapAdminPassword) await seedOwner(tx, bootstrapAdminEmail, bootstrapAdminPassword);
}

async function seedManagementKey(tx: Tx, key: string, pepper: string): Promise<void> {
  const hash = hashKey(pepper, key);
  await tx.managementKey.updateMany({ where: { createdBy: SEED, hash: { not: hash } }, data: { status: "revoked" } });
  const scopes = [...MANAGEMENT_KEY_PERMISSIONS];
  await tx.managementKey.upsert({
    where: { hash },
    create: { id: newId("mk"), name: "Bootstrap", ...keyDisplay(key), hash, scopes, createdBy: SEED },
    update: {},
  });
}

async function seedOwner(tx: Tx, address: string, password: string): Promise<void> {
  const email = address.normalize("NFKC").toLowerCase();
  // argon2id, the library's default, with the parameters of every password here
  const passwordHash = await hashPassword(password, { memoryCost: 47_104, timeCost: 1, parallelism: 1 });
  const user = await tx.user.upsert({
    where: { email },
    create: { id: newId("usr"), email, passwordHash, emailVerified: new Date() },
    update: { passwordHash, emailVerified: new Date() },
  });
  await tx.staff.create({ data: { userId: user.id, role: "owner" } });
}
