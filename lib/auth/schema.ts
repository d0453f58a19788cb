import { z } from "zod";
import { credentialInput, providerInput as providerFields } from "@/lib/catalog/schema";
import { isCommonPassword } from "@/lib/common-passwords";
import { emailAddress, name } from "@/lib/fields";
import { LOCALES } from "@/lib/locale";
import { timeZone } from "@/lib/orgs/schema";
import { MIN_PASSWORD_LENGTH } from "@/lib/password-strength";
import { starterCredit } from "@/lib/settings/schema";

/** argon2 takes any length; a cap keeps a form from becoming a way to burn processor time. */
const MAX_PASSWORD_LENGTH = 1024;

/** No composition rules: length is what counts. What is long and still guessed first is refused. */
export const newPassword = z
  .string()
  .min(MIN_PASSWORD_LENGTH, `must have at least ${MIN_PASSWORD_LENGTH} characters`)
  .max(MAX_PASSWORD_LENGTH, `must have at most ${MAX_PASSWORD_LENGTH} characters`)
  .refine((value) => !isCommonPassword(value), "is among the first that anybody would try");

const next = z.string().max(2000).optional();
const locale = z.enum(LOCALES);
const token = z.string().min(20).max(200);

export const signInInput = z.strictObject({
  email: emailAddress,
  password: z.string().min(1).max(MAX_PASSWORD_LENGTH),
  next,
});
export type SignInInput = z.infer<typeof signInInput>;

export const signUpInput = z.strictObject({ name, email: emailAddress, password: newPassword, locale, next });
export type SignUpInput = z.infer<typeof signUpInput>;

/** Before another code may be asked for. */
export const RESEND_SECONDS = 30;
export const codeInput = z.strictObject({ code: z.string().regex(/^\d{6}$/, "must be the six digits of the mail") });
export const addressInput = z.strictObject({ email: emailAddress, locale, next });
export const resetInput = z.strictObject({ token, password: newPassword });
export const linkInput = z.strictObject({ token, next });
export const tokenInput = z.strictObject({ token });
export const providerInput = z.strictObject({ provider: z.enum(["github", "google"]), next });
export const newOrgInput = z.strictObject({ name });
export const nothing = z.strictObject({}).optional();
export const signOutInput = z.strictObject({ next }).optional();
export const sessionInput = z.strictObject({ sessionId: z.string().max(100) });
export const profileInput = z.strictObject({ name, locale });
export const passwordInput = z.strictObject({ current: z.string().max(MAX_PASSWORD_LENGTH), password: newPassword });

// Set-up

export const ownerInput = z.strictObject({ name, email: emailAddress, password: newPassword });
export type OwnerInput = z.output<typeof ownerInput>;

/** A provider with its first credential; which of the secrets it takes follows from its kind. */
export const connectionInput = z.strictObject({
  kind: providerFields.shape.kind,
  displayName: name,
  baseUrl: providerFields.shape.baseUrl,
  region: credentialInput.shape.region,
  apiKey: credentialInput.shape.apiKey,
  accessKeyId: credentialInput.shape.accessKeyId,
  secretAccessKey: credentialInput.shape.secretAccessKey,
  sessionToken: credentialInput.shape.sessionToken,
});

const choices = {
  locale,
  mode: z.enum(["service", "enterprise"]),
  starterCreditUsd: starterCredit,
  instanceName: name,
  orgName: name,
  timeZone,
  /** `own` comes with `connection`. */
  provider: z.enum(["own", "sandbox", "later"]),
  connection: connectionInput.optional(),
};

/** By somebody with the printed token. */
export const setupInput = z.strictObject({ token, owner: ownerInput, ...choices });
export type SetupInput = z.output<typeof setupInput>;

/** By an owner who exists already, from HUB_BOOTSTRAP_ADMIN_EMAIL. */
export const finishSetupInput = z.strictObject(choices);
