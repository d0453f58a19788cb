import { z } from "zod";
import { name, usd, usdOut } from "@/lib/fields";
import { type Nano, parseUsd } from "@/lib/money";

export const STARTER_PROOFS = ["email", "oauth"] as const;

/** Settings an operator changes while the hub runs. The rest is environment (lib/env.ts). */
export type Settings = {
  /** service: prepaid wallets, public sign-up. enterprise: wallets are recorded and never block. */
  mode: "service" | "enterprise";
  instanceName: string;
  signUpPolicy: "open" | "invitation" | "closed";
  /** Addresses of these domains may sign up under every policy but `closed`. */
  signUpDomains: string[];
  /** Self-service sign-ups only, never organisations made by the operator. */
  starterCreditUsd: string;
  /** oauth: a GitHub account of 90 days or more, beside the verified address. */
  starterCreditProof: (typeof STARTER_PROOFS)[number];
  /** Days until starter credit expires; 0: never. */
  starterExpiryDays: number;
  /** All starter credit of one day (UTC) together; what would exceed it is not granted. */
  starterDailyUsd: string;
  /** Starter credit pays for models whose dearest rate, per million units, is at most this. */
  starterModelsUsd: string;
  /** enterprise: whether public pages are open to who is not signed in. service: they always are. */
  publicPages: boolean;
  /** How long after a purchase its buyer may take back what is unspent; 0: never. */
  refundWindowHours: number;
  /** A refund of more than this needs a second person. */
  refundApprovalUsd: string;
  /** service: what a key may spend in one day (UTC) where its owner chose nothing else; 0: no cap. */
  keyDailyCapUsd: string;
  /** Where the operator's terms and privacy policy stand; empty: nowhere, and the sign-up page names none. */
  termsUrl: string;
  privacyUrl: string;
  /** Days between comparisons with public catalogues that the worker makes for a person to look at; 0: none. */
  catalogueDays: number;
  /** Compared with, the most trusted first; empty: the catalogues that are known here. */
  catalogueUrls: string[];
};

export const DEFAULT_SETTINGS: Settings = {
  mode: "service",
  instanceName: "AIGNE Hub",
  signUpPolicy: "open",
  signUpDomains: [],
  starterCreditUsd: "0.5",
  starterCreditProof: "email",
  starterExpiryDays: 7,
  starterDailyUsd: "100",
  starterModelsUsd: "5",
  publicPages: false,
  refundWindowHours: 24,
  refundApprovalUsd: "100",
  keyDailyCapUsd: "1000",
  termsUrl: "",
  privacyUrl: "",
  catalogueDays: 0,
  catalogueUrls: [],
};

/** The daily cap that keys get of themselves; null: none. */
export function defaultKeyCap({ mode, keyDailyCapUsd }: Pick<Settings, "mode" | "keyDailyCapUsd">): Nano | null {
  const capNano = parseUsd(keyDailyCapUsd);
  return mode === "service" && capNano > 0n ? capNano : null;
}

const MAX_STARTER_NANO = parseUsd("5");
const domain = z
  .string()
  .toLowerCase()
  .regex(/^(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$/, "must be a domain such as example.com");

/** Becomes a link, so no other scheme. */
const pageUrl = z.union(
  [z.literal(""), z.url({ protocol: /^https?$/, hostname: z.regexes.hostname }).max(2000)],
  "must be an address that begins with https://, or empty",
);

const shape = {
  mode: z.enum(["service", "enterprise"]),
  instanceName: name,
  signUpPolicy: z.enum(["open", "invitation", "closed"]),
  signUpDomains: z.array(domain).max(100),
  starterCreditProof: z.enum(STARTER_PROOFS),
  starterExpiryDays: z.int("must be a whole number of days").min(0).max(365, "must be at most 365 days"),
  publicPages: z.boolean(),
  refundWindowHours: z.int("must be a whole number of hours").min(0).max(720, "must be at most 720 hours"),
  termsUrl: pageUrl,
  privacyUrl: pageUrl,
  catalogueDays: z.int("must be a whole number of days").min(0).max(90, "must be at most 90 days"),
  catalogueUrls: z
    .array(z.url("must be addresses such as https://models.dev/api.json").max(2000))
    .max(4, "must be at most 4"),
};

export const starterCredit = usd().refine((amountNano) => amountNano <= MAX_STARTER_NANO, "must be at most 5 USD");

/** A partial update: keys that are absent keep their value. */
export const settingsPatch = z
  .strictObject({
    ...shape,
    starterCreditUsd: starterCredit,
    starterDailyUsd: usd(),
    starterModelsUsd: usd(),
    refundApprovalUsd: usd(),
    keyDailyCapUsd: usd(),
  })
  .partial();
export type SettingsPatch = z.infer<typeof settingsPatch>;

export const settingsOut = z
  .object({
    ...shape,
    starterCreditUsd: usdOut,
    starterDailyUsd: usdOut,
    starterModelsUsd: usdOut,
    refundApprovalUsd: usdOut,
    keyDailyCapUsd: usdOut,
  })
  .meta({ id: "Settings" }) satisfies z.ZodType<Settings>;
