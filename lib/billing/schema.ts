import { z } from "zod";
import { instant, instantOut, usd, usdOut } from "@/lib/fields";
import { parseUsd } from "@/lib/money";

const NANO_PER_USD = parseUsd("1");

export const CREDIT_KINDS = ["promo", "comp", "correction", "write_off"] as const;
const reason = z.string().trim().min(1, "must not be empty").max(500);

export const creditInput = z
  .strictObject({
    amountUsd: usd("any sign"),
    /** write_off: what a negative balance owes becomes the operator's loss; the reason names the case. */
    kind: z.enum(CREDIT_KINDS, "must be promo, comp, correction or write_off"),
    reason,
    expiresAt: instant.optional(),
  })
  .refine(({ kind, amountUsd }) => kind === "correction" || amountUsd > 0n, {
    path: ["amountUsd"],
    message: "must be more than zero, except for a correction",
  })
  .refine(({ kind, expiresAt }) => kind === "promo" || kind === "comp" || expiresAt === undefined, {
    path: ["expiresAt"],
    message: "can be given for promo and comp only",
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
    freezeReason: z.enum(["negative", "dispute", "fraud", "admin"]).nullable(),
  })
  .meta({ id: "Wallet" });
export type WalletRow = z.infer<typeof walletOut>;

export const walletPatch = z.strictObject({ frozen: z.boolean(), reason });
export type WalletPatch = z.infer<typeof walletPatch>;

export const creditOut = z
  .object({
    id: z.string(),
    kind: z.enum(CREDIT_KINDS),
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

// Buying credit

/** What is offered beside a custom amount; whole dollars. */
export const PACKAGES_USD = ["10", "25", "50", "100", "500"] as const;
export const MIN_TOPUP_USD = "5";
export const MAX_TOPUP_USD = "25000";

export const addCreditsInput = z.strictObject({
  amountUsd: usd()
    .refine((amountNano) => amountNano % NANO_PER_USD === 0n, "must be whole dollars")
    .refine((amountNano) => amountNano >= parseUsd(MIN_TOPUP_USD), `must be at least ${MIN_TOPUP_USD} USD`)
    .refine((amountNano) => amountNano <= parseUsd(MAX_TOPUP_USD), `must be at most ${MAX_TOPUP_USD} USD`),
  /** Made when the form is opened, so that sending it twice buys once. */
  form: z.uuid(),
});
export type AddCreditsInput = z.infer<typeof addCreditsInput>;

const wholeDollars = usd().refine((amountNano) => amountNano % NANO_PER_USD === 0n, "must be whole dollars");
const chargeable = wholeDollars
  .refine((amountNano) => amountNano >= parseUsd(MIN_TOPUP_USD), `must be at least ${MIN_TOPUP_USD} USD`)
  .refine((amountNano) => amountNano <= parseUsd(MAX_TOPUP_USD), `must be at most ${MAX_TOPUP_USD} USD`);

export const autoTopupInput = z
  .strictObject({
    /** A balance below this is topped up. */
    thresholdUsd: usd("more than zero").refine(
      (amountNano) => amountNano <= parseUsd(MAX_TOPUP_USD),
      `must be at most ${MAX_TOPUP_USD} USD`,
    ),
    amountUsd: chargeable,
    /** Of a UTC day and month. */
    dailyCapUsd: wholeDollars,
    monthlyCapUsd: wholeDollars,
    /** Another card than the saved one. */
    isNewCard: z.boolean(),
    /** As in addCreditsInput: sent twice, it opens one page. */
    form: z.uuid(),
  })
  .refine(({ amountUsd, dailyCapUsd }) => dailyCapUsd >= amountUsd, {
    path: ["dailyCapUsd"],
    message: "must be at least the amount",
  })
  .refine(({ dailyCapUsd, monthlyCapUsd }) => monthlyCapUsd >= dailyCapUsd, {
    path: ["monthlyCapUsd"],
    message: "must be at least the daily cap",
  });
export type AutoTopupInput = z.infer<typeof autoTopupInput>;

/** The organisation has one. */
export const autoTopupRef = z.strictObject({});

export const AUTO_TOPUP_STATES = ["off", "saving", "on", "paused", "disabled"] as const;
/** Automatic top-ups as their organisation sees them. `saving`: Stripe's page for a card is open or being looked at; `paused`:
 *  the bank wants the last charge confirmed. Amounts are decimal USD. */
export type AutoTopup = {
  state: (typeof AUTO_TOPUP_STATES)[number];
  reason: "declined" | "dispute" | "fraud" | null;
  thresholdUsd: string;
  amountUsd: string;
  dailyCapUsd: string;
  monthlyCapUsd: string;
  /** Charged in this UTC day and month, or about to be. */
  todayUsd: string;
  thisMonthUsd: string;
  /** Brand and last four digits. */
  card: string | null;
  /** The last charge was declined; the next is not tried before. */
  nextAttemptAt: string | null;
};

export const topupRef = z.strictObject({ id: z.string().regex(/^top_[a-z0-9]{26}$/, "must be the id of a purchase") });

export const balanceAlertInput = z.strictObject({
  lowUsd: usd().refine((amountNano) => amountNano <= parseUsd(MAX_TOPUP_USD), `must be at most ${MAX_TOPUP_USD} USD`),
  recipients: z.array(z.string().max(100)).max(50),
});
export type BalanceAlertInput = z.infer<typeof balanceAlertInput>;

/** `recipients` are user ids; none: everybody who manages billing. */
export type BalanceAlert = {
  lowUsd: string;
  recipients: string[];
  members: { userId: string; name: string }[];
};

/** `form` as in addCreditsInput: sending it twice refunds once. */
export const refundInput = topupRef.extend({ amountUsd: usd("more than zero"), form: z.uuid() });
export type RefundInput = z.infer<typeof refundInput>;

export const REFUND_STATES = ["proposed", "requested", "pending", "succeeded", "failed"] as const;
export type RefundState = (typeof REFUND_STATES)[number];

export const adminRefundInput = z.strictObject({
  orgId: z.string(),
  topupId: topupRef.shape.id,
  amountUsd: usd("more than zero"),
  reason,
  form: z.uuid(),
});
export type AdminRefundInput = z.infer<typeof adminRefundInput>;

export const decideRefundInput = z.strictObject({
  orgId: z.string(),
  refundId: z.string().max(100),
  isApproved: z.boolean(),
});

export const TOPUP_STATES = ["created", "processing", "needs_action", "paid", "failed", "refunded"] as const;
export type TopupState = (typeof TOPUP_STATES)[number];
/** A purchase as its buyer sees it. */
export type TopupRow = {
  id: string;
  state: TopupState;
  creditUsd: string;
  failure: string | null;
  createdAt: string;
  paidAt: string | null;
  receiptUrl: string | null;
};

/** Why a purchase cannot be taken back by its buyer. */
export type RefundObstacle = "window" | "spent" | "disputed" | "frozen";

/** A paid purchase of late, with what its buyer may take back now. */
export type PurchaseRow = TopupRow & {
  refundedUsd: string;
  /** "0" with an obstacle. */
  refundableUsd: string;
  obstacle: RefundObstacle | null;
  /** Until when; null where the operator grants no refunds. */
  refundableUntil: string | null;
  /** The latest one that was asked for. */
  refund: { state: RefundState; amountUsd: string } | null;
};

/** A purchase as the operator sees it. */
export type PaymentRow = {
  id: string;
  state: TopupState;
  dispute: "open" | "won" | "lost" | null;
  failure: string | null;
  creditUsd: string;
  refundedUsd: string;
  disputedUsd: string;
  refundableUsd: string;
  /** Stripe's PaymentIntent. */
  intent: string | null;
  receiptUrl: string | null;
  createdAt: string;
  paidAt: string | null;
  refunds: {
    id: string;
    state: RefundState;
    amountUsd: string;
    actorId: string | null;
    approvedBy: string | null;
    reason: string | null;
    failure: string | null;
    createdAt: string;
  }[];
};

export type BillingEntry = {
  id: string;
  at: string;
  kind: "topup" | "promo" | "comp" | "correction" | "expiry" | "refund" | "dispute" | "write_off" | "usage" | "mode";
  amountUsd: string;
  balanceUsd: string;
  topupId: string | null;
  receiptUrl: string | null;
};

/** Credit of one origin. Amounts are decimal USD. */
export type LotRow = {
  id: string;
  kind: "promo" | "comp" | "paid";
  amountUsd: string;
  remainingUsd: string;
  /** Pays for cheap models only. */
  isRestricted: boolean;
  expiresAt: string | null;
};

export type History = {
  /** Purchases that are being paid, newest first. */
  pending: TopupRow[];
  entries: BillingEntry[];
};
