import { z } from "zod";
import { instant, instantOut, usd, usdOut } from "@/lib/fields";

export const creditInput = z
  .strictObject({
    amountUsd: usd("any sign"),
    kind: z.enum(["promo", "comp", "correction"], "must be promo, comp or correction"),
    reason: z.string().trim().min(1, "must not be empty").max(500),
    expiresAt: instant.optional(),
  })
  .refine(({ kind, amountUsd }) => kind === "correction" || amountUsd > 0n, {
    path: ["amountUsd"],
    message: "must be more than zero, except for a correction",
  })
  .refine(({ kind, expiresAt }) => kind !== "correction" || expiresAt === undefined, {
    path: ["expiresAt"],
    message: "cannot be given for a correction",
  })
  .refine(({ expiresAt }) => expiresAt === undefined || expiresAt.getTime() > Date.now(), {
    path: ["expiresAt"],
    message: "must lie in the future",
  });
export type CreditInput = z.infer<typeof creditInput>;

export const walletOut = z
  .object({
    balanceUsd: usdOut,
    /** Reserved by calls in flight. */
    heldUsd: usdOut,
    /** What new calls may still use; null where nothing blocks (enterprise mode). */
    availableUsd: usdOut.nullable(),
    status: z.enum(["active", "frozen", "closed"]),
    freezeReason: z.string().nullable(),
  })
  .meta({ id: "Wallet" });
export type WalletRow = z.infer<typeof walletOut>;

export const creditOut = z
  .object({
    id: z.string(),
    kind: z.enum(["promo", "comp", "correction"]),
    amountUsd: usdOut,
    reason: z.string(),
    expiresAt: instantOut.nullable(),
    wallet: walletOut,
  })
  .meta({ id: "Credit" });
export type CreditRow = z.infer<typeof creditOut>;

export const violationOut = z
  .object({
    /** The invariant's name, such as I1. */
    rule: z.string(),
    orgId: z.string().nullable(),
    /** What breaks it: a wallet, hold, journal or request. */
    ref: z.string().nullable(),
    detail: z.string(),
  })
  .meta({ id: "Violation" });
export type ViolationRow = z.infer<typeof violationOut>;
