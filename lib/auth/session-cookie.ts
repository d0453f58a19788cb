import { createHash } from "node:crypto";
import { env } from "@/lib/env";

/** The browser drops `__Host-` cookies over plain http, so there they go without the prefix. */
export function isSecureSite(): boolean {
  return env().publicUrl?.startsWith("https:") ?? false;
}

export function cookieName(name: "session" | "pending-email" | "browser" | "method" | "first-key"): string {
  return `${isSecureSite() ? "__Host-" : ""}hub-${name}`;
}

export function cookieOptions() {
  return { httpOnly: true, sameSite: "lax", path: "/", secure: isSecureSite() } as const;
}

/** What the database keeps of a token: whoever reads the row cannot present it. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
