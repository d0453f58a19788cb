import { affordableOutputTokens, dearestRate, type Rates, worstCase } from "@/lib/billing/pricing";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import type { SnapshotModel } from "@/lib/gateway/snapshot";
import type { Nano } from "@/lib/money";

/** Where neither client nor catalogue names a maximum. Never "unlimited": a hold must bound the answer. */
const DEFAULT_MAX_OUTPUT_TOKENS = 16_384;
/** No model takes more; it bounds what nothing else does. */
const LARGEST_CONTEXT_TOKENS = 10_000_000;
/** Below this an answer is not worth starting. */
const MIN_OUTPUT_TOKENS = 16;

export type HoldSize = {
  amount: Nano;
  minAmount: Nano;
  /** Nano-USD per million output tokens at the dearest rate. */
  unitRate: Nano;
  inputTokens: number;
  /** The most one choice may answer; null where the model's own maximum is held for. */
  limitToSend(granted: Nano): number | null;
  /** For the token rate limit: an estimate, not a bound. */
  tokensEstimate: number;
};

/** The worst case of a chat call. The input bound is the body's bytes (no tokeniser makes more tokens than bytes) and what its
 *  images and files may come to, at most the context window; the output bound is the client's limit, at most the model's maximum, times the number of choices.
 *  Where less is granted than asked, the limit sent upstream shrinks to what the hold affords. */
export function sizeHold(chat: Conversation, model: SnapshotModel, rates: Rates, factorBp: number): HoldSize {
  const bytesAndMedia = chat.inputBytes + chat.mediaTokens;
  const inputTokens = Math.min(model.contextWindow ?? LARGEST_CONTEXT_TOKENS, bytesAndMedia);
  const modelMaximum = model.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS;
  const perChoice = Math.min(chat.maxOutputTokens ?? modelMaximum, modelMaximum);
  const amount = worstCase({ inputTokens, outputTokens: perChoice * chat.choices }, rates, factorBp);
  const least = Math.min(MIN_OUTPUT_TOKENS, perChoice) * chat.choices;
  // what must be said to an upstream that would otherwise answer longer than we hold for
  const stated = chat.maxOutputTokens !== null || model.maxOutputTokens === null ? perChoice : null;
  return {
    amount,
    minAmount: worstCase({ inputTokens, outputTokens: least }, rates, factorBp),
    unitRate: dearestRate(rates, "output", inputTokens),
    inputTokens,
    limitToSend: (granted) => {
      if (granted >= amount) return stated;
      return Math.min(
        perChoice,
        Math.floor(affordableOutputTokens(granted, inputTokens, rates, factorBp) / chat.choices),
      );
    },
    tokensEstimate: Math.ceil(chat.inputBytes / 3) + perChoice * chat.choices,
  };
}
