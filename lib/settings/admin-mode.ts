import { AppError } from "@/lib/errors";
import type { StaffScope } from "@/lib/orgs/scope";
import type { Settings } from "@/lib/settings/schema";
import type { Prisma } from "@/prisma/generated/client";

/** Turns every wallet into the new mode, in the transaction that changes the setting. Throws conflict while organisations
 *  hold purchased credit, which enterprise mode does not know. */
export async function switchWallets(
  tx: Prisma.TransactionClient,
  scope: StaffScope,
  mode: Settings["mode"],
): Promise<void> {
  try {
    await tx.$executeRaw`SELECT switch_mode(${mode}, ${`${scope.actor.type}:${scope.actor.id}`})`;
  } catch (error) {
    if (!/55006|purchased credit/.test(String((error as Error).message))) throw error;
    throw new AppError(
      "conflict",
      "mode: organisations still hold purchased credit. Refund it, or let it be spent, first.",
      {
        param: "mode",
        cause: error,
      },
    );
  }
}
