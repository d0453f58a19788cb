import { headers } from "next/headers";
import type { KeyContext, ListedKey } from "@/components/keys/listed-key";
import { keyState } from "@/components/keys/listed-key";
import type { OrgScope } from "@/lib/auth/require-org";
import { listOrgModels } from "@/lib/catalog/queries";
import { env } from "@/lib/env";
import { addressesOfKeys, listAppNames, type OrgKey } from "@/lib/keys/queries";
import { formatUsd } from "@/lib/money";
import { publicOrigin } from "@/lib/origin";
import { getSettings } from "@/lib/settings/queries";
import { defaultKeyCap } from "@/lib/settings/schema";
import { monthStart } from "@/lib/time-range";
import { sumOrgUsage } from "@/lib/usage/queries";

/** What the dialogs of keys need on any page that has them. */
export async function readKeyContext(scope: OrgScope): Promise<KeyContext> {
  const [models, apps, settings] = await Promise.all([listOrgModels(scope), listAppNames(scope), getSettings()]);
  const cap = defaultKeyCap(settings);
  return {
    orgSlug: scope.org.slug,
    baseUrl: `${publicOrigin(await headers(), env().publicUrl)}/api/v1`,
    chatModels: models.filter(({ type, price }) => type === "chat" && price !== null).map(({ id }) => id),
    apps,
    models: models.map(({ id, type }) => ({ id, type })),
    address: scope.request?.ip ?? null,
    dailyCapUsd: cap === null ? null : formatUsd(cap),
  };
}

/** Keys with this month's spend, which is the same figure as Activity shows for them. */
export async function readListedKeys(scope: OrgScope, keys: readonly OrgKey[]): Promise<ListedKey[]> {
  const { timeZone } = scope.org;
  const now = new Date();
  const [sums, addresses] = await Promise.all([
    sumOrgUsage(scope, { from: monthStart(now, timeZone), groupBy: ["key"], timeZone, limit: 10_000 }),
    addressesOfKeys(scope),
  ]);
  const spent = new Map(sums.map(({ key, priceUsd }) => [key, priceUsd]));
  return keys.map((row) => ({
    ...row,
    monthUsd: spent.get(row.id) ?? "0",
    addresses: addresses.get(row.id) ?? 0,
    state: keyState(row, now.getTime()),
  }));
}
