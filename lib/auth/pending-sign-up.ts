import { cookies } from "next/headers";
import { decode, encode } from "next-auth/jwt";
import type { PendingSignUp } from "@/lib/auth/mutations";
import { cookieName, cookieOptions } from "@/lib/auth/session-cookie";
import { env } from "@/lib/env";

const LIFE_SECONDS = 60 * 60;

/** Kept by the browser, encrypted with AUTH_SECRET: what was asked for before the address is proved. */
export async function keepPendingSignUp(pending: PendingSignUp & { next: string | null }): Promise<void> {
  const name = cookieName("pending-email");
  const token = await encode({ token: { pending }, secret: env().authSecret, salt: name, maxAge: LIFE_SECONDS });
  (await cookies()).set(name, token, { ...cookieOptions(), maxAge: LIFE_SECONDS });
}

export async function readPendingSignUp(): Promise<(PendingSignUp & { next: string | null }) | null> {
  const name = cookieName("pending-email");
  const token = (await cookies()).get(name)?.value;
  try {
    const claims = token ? await decode({ token, secret: env().authSecret, salt: name }) : null;
    // safe because only keepPendingSignUp holds the secret to make one
    return (claims?.pending as (PendingSignUp & { next: string | null }) | undefined) ?? null;
  } catch {
    return null;
  }
}

export async function forgetPendingSignUp(): Promise<void> {
  (await cookies()).delete(cookieName("pending-email"));
}
