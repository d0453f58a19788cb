import { useEffect } from "react";
import type { ActionResult } from "@/lib/auth/action";

const ENDED = "hub-session-ended";

/** Passes an action's answer on; one that says the session has ended opens the dialog to sign in again. */
export function noticed<Result extends ActionResult<unknown>>(result: Result): Result {
  if (!result.ok && result.error.code === "unauthenticated") window.dispatchEvent(new Event(ENDED));
  return result;
}

export function useSessionEnd(onEnd: () => void): void {
  useEffect(() => {
    window.addEventListener(ENDED, onEnd);
    return () => window.removeEventListener(ENDED, onEnd);
  }, [onEnd]);
}
