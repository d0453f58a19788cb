import type { KeyRow } from "@/lib/keys/schema";
import { isListed, type ListedModel } from "@/lib/model-patterns";
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
export type KeyState = "active" | "disabled" | "expired" | "limited" | "paused" | "revoked";

/** What the dialogs of a key need of its page. */
export type KeyContext = {
  orgSlug: string;
  /** Ends in /api/v1. */
  baseUrl: string;
  /** Ids of the chat models with a price, for snippets and the test call. */
  chatModels: readonly string[];
  apps: readonly string[];
  /** The models that the organisation may call. */
  models: readonly ListedModel[];
  address: string | null;
  /** What a new key gets; null: no cap. */
  dailyCapUsd: string | null;
};

/** What a key can be tried with; null where it may call no chat model that has a price. */
export function trialModel(
  { chatModels }: Pick<KeyContext, "chatModels">,
  { allowedModels }: Pick<KeyRow, "allowedModels">,
): string | null {
  return chatModels.find((id) => isListed(allowedModels, { id, type: "chat" })) ?? null;
}

export function keyState(
  {
    status,
    statusReason,
    expiresAt,
    budgetUsd,
    spentUsd,
    dailyCapUsd,
    spentTodayUsd,
  }: Pick<KeyRow, "status" | "statusReason" | "expiresAt" | "budgetUsd" | "spentUsd" | "dailyCapUsd" | "spentTodayUsd">,
  now: number,
): KeyState {
  if (status !== "active") return status === "disabled" && statusReason ? "paused" : status;
  if (expiresAt && Date.parse(expiresAt) <= now) return "expired";
  const isSpent = (budget: string | null, spent: string | null) =>
    budget !== null && spent !== null && parseUsd(spent) >= parseUsd(budget);
  return isSpent(budgetUsd, spentUsd) || isSpent(dailyCapUsd, spentTodayUsd) ? "limited" : "active";
}
