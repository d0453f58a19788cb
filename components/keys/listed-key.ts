import type { KeyRow } from "@/lib/keys/schema";
import { parseUsd } from "@/lib/money";

/** A key with what it cost this month, who uses it, and the name of its state at the time of reading. */
export type ListedKey = KeyRow & {
  monthUsd: string;
  creator: string | null;
  lastUsedAt: string | null;
  /** In the last 24 hours. */
  addresses: number;
  state: KeyState;
};
export type KeyState = "active" | "disabled" | "expired" | "limited" | "revoked";

/** What the dialogs of a key need of its page. */
export type KeyContext = {
  orgSlug: string;
  /** Ends in /api/v1. */
  baseUrl: string;
  /** The model of the snippets; null while none is offered. */
  model: string | null;
  apps: readonly string[];
  address: string | null;
};

export function keyState(
  { status, expiresAt, budgetUsd, spentUsd }: Pick<KeyRow, "status" | "expiresAt" | "budgetUsd" | "spentUsd">,
  now: number,
): KeyState {
  if (status !== "active") return status;
  if (expiresAt && Date.parse(expiresAt) <= now) return "expired";
  const isSpent = budgetUsd !== null && spentUsd !== null && parseUsd(spentUsd) >= parseUsd(budgetUsd);
  return isSpent ? "limited" : "active";
}
