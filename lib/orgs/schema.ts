import { z } from "zod";
import { cursor, emailAddress, instantOut, modelPattern, name, pageLimit, slug, usd, usdOut } from "@/lib/fields";
import { LOCALES } from "@/lib/locale";

export const page = z.strictObject({ limit: pageLimit(100, 1000), cursor });
export type Page = z.infer<typeof page>;

/** Paths of the product that no organisation may take, since organisations live at /{slug}. */
export const RESERVED_SLUGS: ReadonlySet<string> = new Set([
  "admin",
  "api",
  "app",
  "assets",
  "auth",
  "billing",
  "connect",
  "console",
  "design",
  "docs",
  "en",
  "forgot",
  "gen-simple-access-key",
  "health",
  "how-we-bill",
  "image",
  "invitation",
  "invite",
  "ja",
  "legal",
  "login",
  "magic",
  "logout",
  "models",
  "new-org",
  "playground",
  "pricing",
  "prices",
  "privacy",
  "public",
  "reset",
  "setup",
  "sign-in",
  "sign-out",
  "sign-up",
  "static",
  "status",
  "support",
  "terms",
  "verify",
  "webhooks",
  "well-known",
  "zh",
  "zh-tw",
]);

// Limits: the same fields for an organisation and for a key. null removes one.

export const BUDGET_PERIODS = ["day", "week", "month", "total"] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

const positive = (max: number) =>
  z
    .int("must be a whole number, or null for no limit")
    .min(1, "must be at least 1, or null for no limit")
    .max(max)
    .nullable()
    .optional();

export const limitFields = {
  budgetUsd: usd().nullable().optional(),
  /** Without one, the budget is a total. UTC; weeks start on Monday. */
  budgetPeriod: z.enum(BUDGET_PERIODS).optional(),
  rpm: positive(1_000_000_000),
  tpm: positive(1_000_000_000_000),
  maxConcurrency: positive(1_000_000),
};
export type LimitPatch = z.infer<z.ZodObject<typeof limitFields>>;

export const limitFieldsOut = {
  budgetUsd: usdOut.nullable(),
  budgetPeriod: z.enum(BUDGET_PERIODS).nullable(),
  /** In the budget's current period. */
  spentUsd: usdOut.nullable(),
  rpm: z.int().nullable(),
  tpm: z.int().nullable(),
  maxConcurrency: z.int().nullable(),
};
export type Limits = z.infer<z.ZodObject<typeof limitFieldsOut>>;

/** A key's cap of the day beside its budget; null where it has none, or a budget of the day in its place. */
export const dailyCapOut = {
  dailyCapUsd: usdOut.nullable(),
  /** Of the cap. */
  spentTodayUsd: usdOut.nullable(),
};
export type DailyCap = z.infer<z.ZodObject<typeof dailyCapOut>>;

// Organisations

export const timeZone = z.string().refine(isTimeZone, "must be a time zone such as Europe/Berlin");
const freeSlug = slug.refine((value) => !RESERVED_SLUGS.has(value), "is reserved");

/** What any of its keys may call, by name, pattern or kind; empty: every model. */
const allowedModels = z.array(modelPattern).max(1000);

export const orgInput = z.strictObject({
  name,
  slug: freeSlug.optional(),
  ownerEmail: z.email("must be an e-mail address").max(254).optional(),
  timeZone: timeZone.optional(),
  allowedModels: allowedModels.optional(),
  ...limitFields,
});
export type OrgInput = z.infer<typeof orgInput>;

export const orgPatch = z
  .strictObject({
    name,
    slug: freeSlug,
    timeZone,
    allowedModels,
    status: z.enum(["active", "suspended"]),
    /** The same as status. */
    suspended: z.boolean(),
    /** For the audit log. */
    reason: z.string().trim().min(1, "must not be empty").max(500),
    ...limitFields,
  })
  .partial()
  .refine((patch) => patch.status === undefined || patch.suspended === undefined, {
    path: ["suspended"],
    message: "cannot be given together with status",
  });
export type OrgPatch = z.infer<typeof orgPatch>;

export const orgOut = z
  .object({
    id: z.string(),
    slug: z.string(),
    name: z.string(),
    status: z.enum(["active", "suspended"]),
    timeZone: z.string(),
    allowedModels: z.array(z.string()),
    ...limitFieldsOut,
    createdAt: instantOut,
  })
  .meta({ id: "Organisation" });
export type OrgRow = z.infer<typeof orgOut>;

// Members

export const orgRole = z.enum(["owner", "admin", "developer", "billing", "viewer"]);

export const inviteInput = z.strictObject({
  emails: z.array(emailAddress).min(1, "must name at least one address").max(50, "must be at most 50 addresses"),
  role: orgRole,
  /** Of the mail: the inviter's, as nobody knows the invited person's. */
  locale: z.enum(LOCALES),
});
export type InviteInput = z.infer<typeof inviteInput>;

export const roleInput = z.strictObject({ memberId: z.string().max(100), role: orgRole });
export type RoleInput = z.infer<typeof roleInput>;

export const memberInput = z.strictObject({ memberId: z.string().max(100) });
/** What may be spent in a month and in a day, UTC; null: as much as there is. */
const spendCaps = { capUsd: usd().nullable(), dailyCapUsd: usd().nullable() };
export const spendCapInput = z.strictObject(spendCaps);
export type SpendCapInput = z.infer<typeof spendCapInput>;
export const capInput = z.strictObject({ memberId: z.string().max(100), ...spendCaps });
export type CapInput = z.infer<typeof capInput>;
/** The same as decimal USD. */
export type SpendCaps = { capUsd: string | null; dailyCapUsd: string | null };
export const invitationInput = z.strictObject({ invitationId: z.string().max(100) });
export const orgSettingsInput = z.strictObject({ name, timeZone });
export type OrgSettingsInput = z.infer<typeof orgSettingsInput>;

function isTimeZone(value: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: value });
    return true;
  } catch {
    return false;
  }
}
