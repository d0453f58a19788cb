import { cookies } from "next/headers";
import { decode, encode } from "next-auth/jwt";
import { cookieName, cookieOptions } from "@/lib/auth/session-cookie";
import { env } from "@/lib/env";

type Name = Parameters<typeof cookieName>[0];

/** A value that the browser keeps and cannot read: encrypted with AUTH_SECRET under the cookie's own name. */
export async function sealCookie(cookie: Name, value: unknown, lifeSeconds: number): Promise<void> {
  const name = cookieName(cookie);
  const token = await encode({ token: { value }, secret: env().authSecret, salt: name, maxAge: lifeSeconds });
  (await cookies()).set(name, token, { ...cookieOptions(), maxAge: lifeSeconds });
}

/** Null where there is none, it has expired, or somebody else made it. */
export async function openCookie<Value>(cookie: Name): Promise<Value | null> {
  const name = cookieName(cookie);
  const token = (await cookies()).get(name)?.value;
  try {
    const claims = token ? await decode({ token, secret: env().authSecret, salt: name }) : null;
    // safe because only sealCookie holds the secret to make one
    return (claims?.value as Value | undefined) ?? null;
  } catch {
    return null;
  }
}

export async function forgetCookie(cookie: Name): Promise<void> {
  (await cookies()).delete(cookieName(cookie));
}
