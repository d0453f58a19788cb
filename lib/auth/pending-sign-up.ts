import type { PendingSignUp } from "@/lib/auth/mutations";
import { forgetCookie, openCookie, sealCookie } from "@/lib/auth/sealed-cookie";

const LIFE_SECONDS = 60 * 60;

type Kept = PendingSignUp & {
  next: string | null;
  /** Of the last code, as milliseconds since 1970. */
  sentAt: number;
};

/** Kept by the browser, encrypted: what was asked for before the address is proved. */
export function keepPendingSignUp(pending: Kept): Promise<void> {
  return sealCookie("pending-email", pending, LIFE_SECONDS);
}

export function readPendingSignUp(): Promise<Kept | null> {
  return openCookie<Kept>("pending-email");
}

export function forgetPendingSignUp(): Promise<void> {
  return forgetCookie("pending-email");
}
