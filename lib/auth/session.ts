import { cookies, headers } from "next/headers";
import { redirect } from "next/navigation";
import { decode } from "next-auth/jwt";
import { cache } from "react";
import { findSessionBySid, hasPlatformOwner } from "@/lib/auth/queries";
import { cookieName } from "@/lib/auth/session-cookie";
import { env } from "@/lib/env";
import type { StaffRole } from "@/lib/orgs/permissions";
import { PATH_HEADER } from "@/lib/security-headers";

export type Session = {
  sessionId: string;
  userId: string;
  email: string;
  name: string | null;
  locale: string | null;
  isVerified: boolean;
  staffRole: StaffRole | null;
  /** Where they worked last. */
  lastOrgId: string | null;
};

/** The signed-in person, or null. The row in the database is the verdict, loaded once per request; the cookie's token
 *  only says which row. Throws when the database is away: nobody is signed out by that. */
export const findSession = cache(async (): Promise<Session | null> => {
  const sid = await presentedSid();
  return sid ? findSessionBySid(sid) : null;
});

/** For pages: sends whoever is not signed in to the sign-in page and back, and to set-up while the hub has no owner. */
export async function requireSession(): Promise<Session> {
  const session = await findSession();
  if (session) return session;
  if (!(await hasPlatformOwner())) redirect("/setup");
  const path = (await headers()).get(PATH_HEADER);
  redirect(path && path !== "/" ? `/sign-in?next=${encodeURIComponent(path)}` : "/sign-in");
}

async function presentedSid(): Promise<string | null> {
  const name = cookieName("session");
  const token = (await cookies()).get(name)?.value;
  if (!token) return null;
  try {
    const claims = await decode({ token, secret: env().authSecret, salt: name });
    return typeof claims?.sid === "string" ? claims.sid : null;
  } catch {
    return null; // forged, expired, or made with another secret
  }
}
