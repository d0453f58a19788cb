import { ratesInForce } from "@/lib/catalog/admin-prices";
import { formatRates, type WrittenRates } from "@/lib/catalog/rates";
import { db } from "@/lib/db";
import { isListed } from "@/lib/model-patterns";
import type { Scope } from "@/lib/orgs/scope";
import type { Prisma } from "@/prisma/generated/client";

export type OrgModel = {
  id: string;
  displayName: string;
  type: string;
  contextWindow: number | null;
  maxOutputTokens: number | null;
  aliases: string[];
  providers: string[];
  /** USD per million tokens and per unit; null: not available, as no price is set. */
  price: WrittenRates | null;
};

/** The models an organisation may call: enabled, offered by an enabled provider, and allowed to it by the operator. */
export async function listOrgModels(scope: Scope): Promise<OrgModel[]> {
  const [models, org] = await Promise.all([
    listModels(),
    db().org.findUnique({ where: { id: scope.orgId }, select: { allowedModels: true } }),
  ]);
  return models.filter((model) => isListed(org?.allowedModels ?? [], model));
}

/** The same for whoever looks before signing up: names, limits and list prices are public where the pages are. */
export function listModels(): Promise<OrgModel[]> {
  return readModels({});
}

/** One of them by its id or by an alias; null where there is none. */
export async function findModel(name: string): Promise<OrgModel | null> {
  const [model] = await readModels({ OR: [{ id: name }, { aliases: { some: { alias: name } } }] });
  return model ?? null;
}

async function readModels(where: Prisma.ModelWhereInput): Promise<OrgModel[]> {
  const rows = await db().model.findMany({
    where: { ...where, enabled: true, offers: { some: { enabled: true, provider: { enabled: true } } } },
    include: {
      aliases: { orderBy: { alias: "asc" } },
      offers: { where: { enabled: true, provider: { enabled: true } }, include: { provider: true } },
    },
    orderBy: { id: "asc" },
  });
  const prices = await ratesInForce(
    db(),
    "model",
    rows.map(({ id }) => id),
  );
  return rows.map((row) => {
    const stored = prices.get(row.id);
    return {
      id: row.id,
      displayName: row.displayName ?? row.id,
      type: row.type,
      contextWindow: row.contextWindow,
      maxOutputTokens: row.maxOutputTokens,
      aliases: row.aliases.map(({ alias }) => alias),
      providers: [...new Set(row.offers.map(({ provider }) => provider.displayName))],
      price: stored ? formatRates(stored) : null,
    };
  });
}
