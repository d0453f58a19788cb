import { z } from "zod";
import { type Nano, parseUsd } from "@/lib/money";

/** Fields that several domains read from the outside. Each message follows the field's name and says what to write. */

/** A billion dollars: far beyond every price, far inside BIGINT. */
const MAX_NANO = 10n ** 18n;

type UsdRange = "zero or more" | "more than zero" | "any sign";

/** USD as a decimal string or JSON number with at most 9 decimals -> nano-USD. */
export function usd(range: UsdRange = "zero or more") {
  const expected = 'must be an amount of USD such as "0.25", with at most 9 decimals and no exponent';
  return z
    .union([z.string().max(40), z.number()], expected)
    .transform((value, context): Nano => {
      const amountNano = tryParseUsd(value);
      const problem = amountNano === null ? expected : rangeProblem(amountNano, range);
      if (!problem) return amountNano as Nano;
      context.addIssue({ code: "custom", message: problem });
      return z.NEVER;
    })
    .meta({ description: "USD: a decimal string or number, at most 9 decimals.", examples: ["0.25"] });
}

/** An e-mail address in the one form it is stored and compared in: NFKC first, so that no look-alike of `@` or of an ASCII
 *  letter makes a second account; lower case; ASCII domain. */
export const emailAddress = z
  .string()
  .max(254, "must have at most 254 characters")
  .transform((value) => value.normalize("NFKC").trim().toLowerCase())
  .refine(isEmail, "must be an e-mail address such as ana@example.com");

/** USD in an answer: a decimal string, trailing zeros dropped, never an exponent. */
export const usdOut = z
  .string()
  .meta({ description: "USD as a decimal string, at most 9 decimals.", examples: ["0.25"] });

/** Share of traffic inside a priority tier; 0 drains. */
export const weight = z.int("must be a whole number from 0 to 10000").min(0).max(10_000);

export const name = z.string().trim().min(1, "must not be empty").max(200, "must have at most 200 characters");

export const slug = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "must be 1 to 63 lower-case letters, digits and inner hyphens");

/** A model's public name; it may hold `/`, `:` and dots, and fits into a URL path without escaping. */
export const modelId = z
  .string()
  .regex(/^[\w@+~-][\w.@:+~-]*(?:\/[\w@+~-][\w.@:+~-]*)*$/, "must be a model name such as openai/gpt-5-mini")
  .max(200);

/** An instant with a zone, as ISO 8601. */
export const instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], "must be a time such as 2026-01-31T12:00:00Z")
  .transform((text) => new Date(text));

export const instantOut = z.iso.datetime();

/** A list in a query: `a,b`, or the parameter repeated. */
export const cursor = z.string().max(500).optional();

export function pageLimit(fallback: number, max: number) {
  const message = `must be a whole number from 1 to ${max}`;
  return z
    .string()
    .regex(/^\d{1,6}$/, message)
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, message)
    .default(fallback);
}

/** An address or CIDR range, v4 or v6. */
export const cidr = z.string().refine(isCidr, "must be an IP address or a CIDR range such as 203.0.113.0/24");

/** A model name, a pattern whose last character is `*`, or a kind of models such as `type:embedding`. */
export const modelPattern = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^*\s]*\*?$/, "must be a model name, with * only at the end");

function isEmail(value: string): boolean {
  const [local = "", domain = "", extra] = value.split("@");
  return (
    extra === undefined && z.email().safeParse(value).success && !/[,\s]/.test(local) && /^[\x21-\x7e]+$/.test(domain)
  );
}

function tryParseUsd(value: string | number): Nano | null {
  try {
    return parseUsd(value);
  } catch {
    return null;
  }
}

function rangeProblem(amountNano: Nano, range: UsdRange): string | null {
  if (amountNano > MAX_NANO || amountNano < -MAX_NANO) return "must be less than a billion USD";
  if (range === "any sign") return amountNano === 0n ? "must not be zero" : null;
  if (range === "more than zero" && amountNano <= 0n) return "must be more than zero";
  return amountNano < 0n ? "must not be negative" : null;
}

/** By zod's grammar, not node:net: forms in the browser use these fields too. */
function isCidr(text: string): boolean {
  return [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()].some((form) => form.safeParse(text).success);
}
