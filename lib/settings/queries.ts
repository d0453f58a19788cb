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

function validOnly(stored: Record<string, unknown>): Partial<Settings> {
  return Object.fromEntries(
    Object.entries(stored).filter(([key, value]) => settingsOut.partial().safeParse({ [key]: value }).success),
  );
}
