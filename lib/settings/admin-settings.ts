import { recordAudit } from "@/lib/audit/mutations";
import { change } from "@/lib/db";
import { formatUsd } from "@/lib/money";
import { requireStaffPermission, type StaffScope } from "@/lib/orgs/scope";
import { switchWallets } from "@/lib/settings/admin-mode";
import { getSettings } from "@/lib/settings/queries";
import { defaultKeyCap, type Settings, type SettingsPatch } from "@/lib/settings/schema";
import { Prisma } from "@/prisma/generated/client";

export async function readSettings(scope: StaffScope): Promise<Settings> {
  requireStaffPermission(scope, "settings.read");
  return getSettings();
}

/** Merges `patch` into the settings and returns all of them. Idempotent. */
export async function updateSettings(scope: StaffScope, patch: SettingsPatch): Promise<Settings> {
  requireStaffPermission(scope, "settings.manage");
  return change(scope, async (tx) => {
    const before = await getSettings(tx);
    const changes = Object.entries(toStored(patch)).filter(
      ([key, value]) => JSON.stringify(before[key as keyof Settings]) !== JSON.stringify(value),
    );
    for (const [key, value] of changes) {
      const row = { value: (value as Prisma.InputJsonValue | null) ?? Prisma.JsonNull, updatedAt: new Date() };
      await tx.setting.upsert({ where: { key }, create: { key, ...row }, update: row });
    }
    const mode = changes.find(([key]) => key === "mode")?.[1] as Settings["mode"] | undefined;
    if (mode) await switchWallets(tx, scope, mode);
    const after = { ...before, ...(Object.fromEntries(changes) as Partial<Settings>) };
    const [capBefore, capAfter] = [defaultKeyCap(before), defaultKeyCap(after)];
    if (capBefore !== capAfter)
      await tx.$executeRaw`SELECT change_default_cap(${capBefore}::bigint, ${capAfter}::bigint)`;
    if (changes.length > 0) {
      const keys = changes.map(([key]) => key as keyof Settings);
      const only = (settings: Settings) => Object.fromEntries(keys.map((key) => [key, settings[key]]));
      await recordAudit(tx, scope, {
        action: "settings.update",
        target: "settings",
        before: only(before),
        after: only(after),
      });
    }
    return after;
  });
}

function toStored(patch: SettingsPatch): Partial<Settings> {
  return Object.fromEntries(
    Object.entries(patch)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, typeof value === "bigint" ? formatUsd(value) : value]),
  );
}
