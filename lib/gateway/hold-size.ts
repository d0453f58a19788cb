import { affordableOutputTokens, dearestRate, type RateClass, type Rates, worstCase } from "@/lib/billing/pricing";
import { reachableSets, toolRate } from "@/lib/billing/rate-sets";
import type { PricedRates, SnapshotModel } from "@/lib/gateway/snapshot";
import type { Nano } from "@/lib/money";

/** What of a call decides its hold, whatever the dialect. */
export type HoldShape = {
  /** Bytes of the decoded body: no tokeniser makes more tokens of a text than it has bytes. */
  inputBytes: number;
  /** What images and files come to beside their bytes; Infinity where only the context window bounds them. */
  mediaTokens: number;
  /** The largest context window that an offer of the route states for itself; 0 where none does. */
  widestWindow: number;
  /** The input in tokens by our tokeniser, with what other tokenisers may make of it; never more than the bound by bytes. */
  countInput(): number;
  /** Price classes that this request cannot reach: it has no sound in it, writes no cache. */
  unreachable: readonly RateClass[];
  /** The client's limit; null where it gave none. */
  maxOutputTokens: number | null;
  /** Answers asked for: `n`, times `best_of`, times prompts. */
  choices: number;
  /** What the model may think before it speaks, on top of which an answer needs room; null where it does not think. */
  thinkingTokens: number | null;
  /** Every token passes by us as it is made. Otherwise the whole worst case is held at once. */
  metered: boolean;
  /** Most calls of tools that the provider runs and bills, by name. Each may send the whole input anew. */
  hostedCalls: Readonly<Record<string, number>>;
  /** The service tier asked for; null for the ordinary one. */
  serviceTier: string | null;
  /** Each turn between such calls may answer up to the limit. */
  limitsEachTurn: boolean;
};

/** Where neither client nor catalogue names a maximum. Never "unlimited": a hold must bound the answer. */
const DEFAULT_MAX_OUTPUT_TOKENS = 16_384;
/** No model takes more; it bounds what nothing else does. */
const LARGEST_CONTEXT_TOKENS = 10_000_000;
/** Below this an answer is not worth starting; a model that thinks needs more room once it has thought. */
const MIN_OUTPUT_TOKENS = 16;
const MIN_AFTER_THINKING_TOKENS = 1_024;
/** A stream holds so many output tokens at a time. */
export const SLICE_TOKENS = 1_024;

export type HoldSize = {
  /** What to ask for: the worst case, or its input and one slice where the call is metered as it runs. */
  amount: Nano;
  /** The least that makes sense: below it the call is refused. */
  minAmount: Nano;
  /** Nano-USD per million output tokens at the dearest rate. */
  unitRate: Nano;
  inputTokens: number;
  /** What one extension adds; null where the hold does not grow. */
  slice: Nano | null;
  /** How many output tokens an amount of nano-USD pays for beside the input held for. */
  affords(amount: Nano): number;
  /** The most one choice may answer; null where the model's own maximum needs not be said. `available` is what wallet and
   *  budgets leave this call, its hold included; null where nothing bounds it. */
  limitToSend(granted: Nano, available: Nano | null): number | null;
  /** For the token rate limit: an estimate, not a bound. */
  tokensEstimate: number;
};

export type Price = Pick<PricedRates, "rates" | "factorBp">;

/** What a call must hold. The input bound is the body's bytes and its media, at most the context window (`exact`: as counted);
 *  the output bound is the client's limit, at most the model's maximum, times the number of choices. Where less is granted
 *  or available than the worst case, the limit sent upstream shrinks to what that affords. */
export function sizeHold(
  shape: HoldShape,
  model: Pick<SnapshotModel, "contextWindow" | "maxOutputTokens">,
  price: Price,
  exact = false,
): HoldSize {
  const rates = without(withTier(price.rates, shape.serviceTier), shape.unreachable);
  const { factorBp } = price;
  const turns = 1 + Object.values(shape.hostedCalls).reduce((sum, calls) => sum + calls, 0);
  const window = Math.max(model.contextWindow ?? LARGEST_CONTEXT_TOKENS, shape.widestWindow);
  const bound = (once: number) => Math.min(window, once) * turns;
  const inputTokens = bound(exact ? shape.countInput() : shape.inputBytes + shape.mediaTokens);
  const modelMaximum = model.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS;
  const perChoice = Math.min(shape.maxOutputTokens ?? modelMaximum, modelMaximum);
  const tools = hostedPrice(shape, { rates, factorBp });
  const answers = shape.choices * (shape.limitsEachTurn ? turns : 1);
  const worstOf = (input: number, output: number) =>
    worstCase({ inputTokens: input, outputTokens: output * answers }, rates, factorBp) + tools;
  const affordable = (amount: Nano, input: number) => affordableOutputTokens(amount - tools, input, rates, factorBp);

  const worst = worstOf(inputTokens, perChoice);
  const unitRate = dearestRate(rates, "output", inputTokens);
  const slice = worstCase({ inputTokens: 0, outputTokens: SLICE_TOKENS }, { output: unitRate }, factorBp);
  const isSliced = shape.metered && shape.choices === 1 && turns === 1 && slice > 0n;
  const least = Math.min(
    perChoice,
    shape.thinkingTokens === null ? MIN_OUTPUT_TOKENS : shape.thinkingTokens + MIN_AFTER_THINKING_TOKENS,
  );
  // what must be said to an upstream that would otherwise answer longer than we hold for
  const stated = shape.maxOutputTokens !== null || model.maxOutputTokens === null ? perChoice : null;
  return {
    amount: isSliced ? worstOf(inputTokens, Math.min(perChoice, Math.max(least, SLICE_TOKENS))) : worst,
    minAmount: worstOf(inputTokens, least),
    unitRate,
    inputTokens,
    slice: isSliced ? slice : null,
    affords: (amount) => affordable(amount, inputTokens),
    limitToSend(granted, available) {
      const most = isSliced ? available : granted;
      if (most === null || most >= worst) return stated;
      // the bound by bytes is some four times the truth: counted, the same credit buys a longer answer
      const counted = Math.min(inputTokens, bound(shape.countInput()));
      const affords = Math.floor(affordable(most, counted) / answers);
      return Math.min(perChoice, Math.max(least, affords));
    },
    // a limit that nobody stated is far above what most answers come to, and the truth is booked at the end
    tokensEstimate:
      Math.ceil(shape.inputBytes / 3) +
      (shape.maxOutputTokens === null ? Math.min(perChoice, SLICE_TOKENS) : perChoice) * shape.choices,
  };
}

function hostedPrice({ hostedCalls }: HoldShape, { rates, factorBp }: Price): Nano {
  let total = 0n;
  for (const [name, calls] of Object.entries(hostedCalls)) {
    const dearest = reachableSets(rates, Number.POSITIVE_INFINITY).reduce((most, set) => {
      const rate = toolRate(set, name)?.rate ?? 0n;
      return rate > most ? rate : most;
    }, 0n);
    total += worstCase({ inputTokens: 0, outputTokens: calls }, { output: dearest }, factorBp);
  }
  return total;
}

/** The rates of a service tier beside the ordinary ones: an upstream may answer at either, so the dearer ones are held for. */
function withTier(rates: Rates, serviceTier: string | null): Rates {
  const own = serviceTier === null ? undefined : rates.serviceTiers?.[serviceTier];
  if (!own) return rates;
  const { tiers: contextTiers, ...set } = own;
  const { tiers = [] } = rates;
  const always = { ...set, aboveInputTokens: -1 };
  return { ...rates, tiers: [...tiers, always, ...(contextTiers ?? tiers).map((tier) => ({ ...set, ...tier }))] };
}

/** What a class costs that is left out falls to its parent's rate. */
function without({ tiers, ...base }: Rates, classes: readonly RateClass[]): Rates {
  const strip = <Set extends Rates>(set: Set) => {
    const rest = { ...set };
    for (const name of classes) delete rest[name];
    return rest;
  };
  return tiers ? { ...strip(base), tiers: tiers.map(strip) } : strip(base);
}
