import { z } from "zod";

/** Takes nothing: everything about a token follows from who asks. */
export const memberTokenInput = z.strictObject({});

/** A first-party key for one member's browser. The lifetime counts from the answer, so the browser's clock need not agree
 *  with ours. */
export type MemberToken = { token: string; expiresInMs: number };

export const chargeQuery = z.strictObject({ requestId: z.string().regex(/^req_[0-9a-z]{26}$/) });
export type ChargeQuery = z.infer<typeof chargeQuery>;

/** What a settled call cost, as decimal USD; `priceUsd` null: the model has no price. */
export type Charge = { priceUsd: string | null; inputTokens: number; outputTokens: number };

/** A chat model with its price for this organisation: decimal USD per million tokens, null where it has none. */
export type PlaygroundModel = {
  id: string;
  name: string;
  contextWindow: number | null;
  maxOutputTokens: number | null;
  inputUsd: string | null;
  outputUsd: string | null;
};

/** The app under which calls from the playground are listed. */
export const PLAYGROUND_APP = "Playground";
