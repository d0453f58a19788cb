import { z } from "zod";
import type { ReceiptData } from "@/lib/billing/receipt";
import { cursor, instant, instantOut, pageLimit, usd, usdOut } from "@/lib/fields";
import { routeRow, type TenantRouteRow } from "@/lib/usage/route-record";

const text = z.string().min(1).max(300).optional();

/** Filters shared by sums and lists. `from` is inclusive, `to` exclusive; both judge the settling time, as the ledger does. */
const filters = {
  orgId: text,
  appId: text,
  keyId: text,
  memberId: text,
  model: text,
  provider: text,
  credentialId: text,
  endpoint: text,
  outcome: text,
  from: instant.optional(),
  to: instant.optional(),
};
export type UsageFilter = z.infer<z.ZodObject<typeof filters>>;

export const DIMENSIONS = [
  "org",
  "app",
  "key",
  "member",
  "model",
  "provider",
  "credential",
  "endpoint",
  "status",
  "day",
  "hour",
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

const groupBy = z
  .string()
  .transform((value) => [...new Set(value.split(",").map((part) => part.trim()))].filter(Boolean))
  .pipe(z.array(z.enum(DIMENSIONS, `must be one or more of ${DIMENSIONS.join(", ")}, separated by commas`)))
  .default([])
  .meta({ description: `One or more of ${DIMENSIONS.join(", ")}, separated by commas.` });

const timeZone = z
  .string()
  .refine(isTimeZone, "must be a time zone such as Europe/Berlin")
  .default("UTC")
  .meta({ description: "Decides where days begin." });

export const usageQuery = z.strictObject({ ...filters, groupBy, timeZone, limit: pageLimit(1000, 10_000), cursor });
export type UsageQuery = z.infer<typeof usageQuery>;

/** A late adjustment may be negative where it stands alone in its group. */
const count = z.int();

export const usageRowOut = z
  .object({
    /** The group's id; an object for several groups; null for the sum of everything. */
    key: z.union([z.string(), z.record(z.string(), z.string().nullable())]).nullable(),
    calls: count,
    inputTokens: count,
    outputTokens: count,
    cacheReadTokens: count,
    cacheWriteTokens: count,
    reasoningTokens: count,
    priceUsd: usdOut,
    costUsd: usdOut,
    wasteUsd: usdOut,
    /** Calls of models without a price (enterprise): they are in no sum of money. */
    unpricedCalls: count,
  })
  .meta({ id: "UsageRow" });
export type UsageRow = z.infer<typeof usageRowOut>;

export const requestQuery = z.strictObject({ ...filters, limit: pageLimit(100, 1000), cursor });
export type RequestQuery = z.infer<typeof requestQuery>;

const attemptOut = z.object({
  provider: z.string(),
  upstreamModel: z.string(),
  credentialId: z.string().nullable(),
  outcome: z.string(),
  httpStatus: z.int().nullable(),
  costUsd: usdOut.nullable(),
  latencyMs: z.int().nullable(),
  firstTokenMs: z.int().nullable(),
  /** Class of the failure, where it is known: auth, rate_limited, overloaded, server, timeout, network, … */
  reason: z.string().nullable(),
});

const requestFields = {
  id: z.string(),
  orgId: z.string(),
  appId: z.string(),
  keyId: z.string(),
  memberId: z.string().nullable(),
  endpoint: z.string(),
  dialect: z.string(),
  route: z.string().nullable(),
  model: z.string(),
  provider: z.string().nullable(),
  upstreamModel: z.string().nullable(),
  credentialId: z.string().nullable(),
  startedAt: instantOut,
  settledAt: instantOut,
  stream: z.boolean(),
  outcome: z.string(),
  httpStatus: z.int(),
  /** The program as it names itself in x-aigne-hub-client-did; nobody proved it. */
  client: z.string().nullable(),
  /** Of a refused call: the limit or rule that refused it. */
  refusedBy: z.string().nullable(),
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  reasoningTokens: count,
  usageSource: z.string(),
  /** null: the model had no price. */
  priceUsd: usdOut.nullable(),
  costUsd: usdOut.nullable(),
  wasteUsd: usdOut,
  latencyMs: z.int().nullable(),
  firstTokenMs: z.int().nullable(),
  attempts: z.array(attemptOut),
  /** `anomalous:<field>`, `unpriced_usage:<class or field>` and other words about the reported usage. */
  anomalies: z.array(z.string()),
};

export const requestOut = z.object(requestFields).meta({ id: "Request" });
export type RequestRow = z.infer<typeof requestOut>;

export const receiptOut = z
  .object({
    ...requestFields,
    finishReason: z.string().nullable(),
    upstreamId: z.string().nullable(),
    /** What was considered, in order; null for calls that had no choice. */
    routing: z.array(routeRow).nullable(),
    heldUsd: usdOut,
    /** What the hold gave back. */
    releasedUsd: usdOut,
    promoUsd: usdOut,
    /** Price less all attempts' costs; null without a price or a cost. */
    marginUsd: usdOut.nullable(),
    /** The usage object of the attempt that answered, as its provider sent it. */
    reportedUsage: z.record(z.string(), z.unknown()).nullable(),
    /** Exclusive classes: they add up without overlap. */
    usage: z.record(z.string(), z.number()),
    price: z
      .object({
        versionId: z.string(),
        effectiveFrom: instantOut,
        factorBp: z.int(),
        /** What the lines come to with the factor, before and after rounding up once. */
        exactNano: z.string(),
        totalUsd: usdOut,
        lines: z.array(
          z.object({
            class: z.string(),
            /** The class whose rate applied, where the class has none of its own. */
            ratedAs: z.string().nullable(),
            units: z.number(),
            usdPerMillion: usdOut,
            /** Exact nano-USD before factor and rounding; a decimal string. */
            exactNano: z.string(),
          }),
        ),
      })
      .nullable(),
  })
  .meta({ id: "Receipt" });
export type Receipt = z.infer<typeof receiptOut>;

export const rerateOut = z
  .object({
    at: instantOut,
    since: instantOut,
    until: instantOut,
    sharePercent: z.number(),
    checked: z.int(),
    differing: z.int(),
    /** The first hundred. */
    differences: z.array(
      z.object({
        requestId: z.string(),
        orgId: z.string(),
        why: z.enum(["other_price", "version_missing", "not_priced"]),
        chargedUsd: usdOut.nullable(),
        expectedUsd: usdOut.nullable(),
      }),
    ),
  })
  .meta({ id: "Rerate" });
export type RerateRow = z.infer<typeof rerateOut>;

export const providerBillInput = z.strictObject({
  credentialId: z.string().min(1, "must not be empty").max(100),
  /** UTC. */
  day: z.iso
    .date("must be a day such as 2026-01-31")
    .refine((day) => Date.parse(day) <= Date.now(), "must not lie in the future"),
  billedUsd: usd(),
});
export type ProviderBillInput = z.infer<typeof providerBillInput>;

export const providerBillOut = z
  .object({
    credentialId: z.string(),
    /** null once it is gone. */
    credential: z.string().nullable(),
    provider: z.string().nullable(),
    day: z.iso.date(),
    billedUsd: usdOut,
    /** What the attempts of that day cost by our own count. */
    countedUsd: usdOut,
    /** Billed less counted. */
    differenceUsd: usdOut,
    /** More than 0.5 % and more than 1 USD. */
    isConspicuous: z.boolean(),
    attempts: z.int(),
    /** Attempts without a cost. */
    unpriced: z.int(),
    at: instantOut,
  })
  .meta({ id: "ProviderBill" });
export type ProviderBillRow = z.infer<typeof providerBillOut>;

/** A request as its organisation sees it: without credentials and the operator's cost. */
export type OrgRequest = Omit<
  RequestRow,
  "costUsd" | "wasteUsd" | "credentialId" | "orgId" | "upstreamModel" | "attempts" | "anomalies"
> & {
  attempts: Omit<RequestRow["attempts"][number], "costUsd" | "credentialId" | "upstreamModel">[];
};
export type OrgReceipt = OrgRequest & {
  finishReason: string | null;
  promoUsd: string;
  /** What the provider counted, in its own words. */
  reportedUsage: Record<string, unknown> | null;
  /** null: refused, or without a price. */
  receipt: ReceiptData | null;
  /** What was considered, in order; null for calls that had no choice. */
  routing: TenantRouteRow[] | null;
};

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
