import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { cookies } from "next/headers";
import { cookieName, cookieOptions } from "@/lib/auth/session-cookie";
import { env } from "@/lib/env";

const LIFE_SECONDS = 180 * 24 * 60 * 60;

/** A random secret of this browser, made on first use. Magic links work only where it is. */
export async function browserSecret(): Promise<string> {
  const known = (await read()).secret;
  if (known) return known;
  const secret = randomBytes(24).toString("base64url");
  await write(secret, "");
  return secret;
}

/** Whether somebody has signed in to this account from this browser before. */
export async function isKnownBrowser(email: string): Promise<boolean> {
  const { secret, mark } = await read();
  const expected = markOf(secret, email);
  return secret !== "" && mark.length === expected.length && timingSafeEqual(Buffer.from(mark), Buffer.from(expected));
}

/** Remembers the browser, for the last account alone. */
export async function rememberBrowser(email: string): Promise<void> {
  const secret = (await read()).secret || randomBytes(24).toString("base64url");
  await write(secret, markOf(secret, email));
}

async function read(): Promise<{ secret: string; mark: string }> {
  const [secret = "", mark = ""] = ((await cookies()).get(cookieName("browser"))?.value ?? "").split(".");
  return { secret, mark };
}

async function write(secret: string, mark: string): Promise<void> {
  const options = { ...cookieOptions(), maxAge: LIFE_SECONDS };
  (await cookies()).set(cookieName("browser"), `${secret}.${mark}`, options);
}

function markOf(secret: string, email: string): string {
  return createHmac("sha256", env().authSecret).update(`browser|${secret}|${email}`).digest("base64url");
}
