import { openCookie, sealCookie } from "@/lib/auth/sealed-cookie";

const LIFE_SECONDS = 10 * 60;

/** The secret of the key that set-up made, for its last page: only the browser keeps it, encrypted, for ten minutes. */
export function keepFirstKey(apiKey: string): Promise<void> {
  return sealCookie("first-key", apiKey, LIFE_SECONDS);
}

export function readFirstKey(): Promise<string | null> {
  return openCookie<string>("first-key");
}
