import { cookies } from "next/headers";
import { cookieName, cookieOptions } from "@/lib/auth/session-cookie";

const LIFE_SECONDS = 180 * 24 * 60 * 60;
export const SIGN_IN_METHODS = ["password", "link", "github", "google"] as const;
export type SignInMethod = (typeof SIGN_IN_METHODS)[number];

/** How somebody last signed in with this browser: the sign-in page marks it. It decides nothing. */
export async function readLastMethod(): Promise<SignInMethod | null> {
  const value = (await cookies()).get(cookieName("method"))?.value;
  return SIGN_IN_METHODS.find((method) => method === value) ?? null;
}

export async function rememberMethod(method: SignInMethod): Promise<void> {
  (await cookies()).set(cookieName("method"), method, { ...cookieOptions(), maxAge: LIFE_SECONDS });
}
