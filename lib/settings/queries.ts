import { setTimeout as sleep } from "node:timers/promises";
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

/** A page that needs no database waits this long for one that is away: longer as long as it was never seen. */
const MODE_WAIT_MS = { first: 5_000, later: 500 };
let lastSeen: Settings | undefined;

/** Without a database as they were when last seen. */
const findSettings = cache(async (): Promise<Settings> => {
  const read = getSettings().then(
    (settings) => (lastSeen = settings),
    () => undefined,
  );
  const wait = sleep(lastSeen ? MODE_WAIT_MS.later : MODE_WAIT_MS.first, undefined, { ref: false });
  return (await Promise.race([read, wait])) ?? lastSeen ?? DEFAULT_SETTINGS;
});

/** How pages speak: whether anybody pays here. A page that says that the database is away needs words too; nothing is allowed
 *  or refused by it. */
export const findMode = async (): Promise<Settings["mode"]> => (await findSettings()).mode;

/** Whether strangers may see the public pages. Also while the database is away, since the status page is read then. */
export async function arePagesPublic(): Promise<boolean> {
  const { mode, publicPages } = await findSettings();
  return mode === "service" || publicPages;
}

function validOnly(stored: Record<string, unknown>): Partial<Settings> {
  return Object.fromEntries(
    Object.entries(stored).filter(([key, value]) => settingsOut.partial().safeParse({ [key]: value }).success),
  );
}
