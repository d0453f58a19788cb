import { setTimeout as wait } from "node:timers/promises";
import { cache } from "react";
import { db } from "@/lib/db";
import { DEFAULT_SETTINGS, type Settings, settingsOut } from "@/lib/settings/schema";
import type { Prisma } from "@/prisma/generated/client";

/** The instance's settings, defaults filled in. Not tenant data: every scope may act on them. */
export async function getSettings(tx: Pick<Prisma.TransactionClient, "setting"> = db()): Promise<Settings> {
  const rows = await tx.setting.findMany();
  const stored = Object.fromEntries(rows.map(({ key, value }) => [key, value]));
  const parsed = settingsOut.partial().safeParse(stored);
  // a value written by a newer version must not take the instance down
  return { ...DEFAULT_SETTINGS, ...(parsed.success ? parsed.data : validOnly(stored)) };
}

/** A page that needs no database waits this long for one that is away. */
const MODE_WAIT_MS = 500;
let lastMode: Settings["mode"] = DEFAULT_SETTINGS.mode;

/** How pages speak: whether anybody pays here. Without a database as it was when last seen, since a page that says so
 *  needs words too; nothing is allowed or refused by it. */
export const findMode = cache(async (): Promise<Settings["mode"]> => {
  const known = getSettings().then(
    ({ mode }) => mode,
    () => lastMode,
  );
  lastMode = await Promise.race([known, wait(MODE_WAIT_MS, lastMode, { ref: false })]);
  return lastMode;
});

function validOnly(stored: Record<string, unknown>): Partial<Settings> {
  return Object.fromEntries(
    Object.entries(stored).filter(([key, value]) => settingsOut.partial().safeParse({ [key]: value }).success),
  );
}
