import { isCommonPassword } from "@/lib/common-passwords";

export const MIN_PASSWORD_LENGTH = 12;

export type PasswordStrength = "short" | "common" | "fair" | "good" | "strong";

/** What a meter says while somebody types. `short` and `common` are refused; the rest differ in length and variety alone,
 *  as no composition rule applies. */
export function passwordStrength(value: string): PasswordStrength {
  if (value.length < MIN_PASSWORD_LENGTH) return "short";
  if (isCommonPassword(value)) return "common";
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(value)).length;
  const points = value.length + 2 * kinds + Math.min(new Set(value).size, 12) / 2;
  if (points >= 34) return "strong";
  return points >= 26 ? "good" : "fair";
}
