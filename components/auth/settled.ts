import { unstable_isUnrecognizedActionError } from "next/navigation";
import { noticed } from "@/components/auth/session-end";
import type { ActionResult } from "@/lib/auth/action";

/** What an action answered; null when it moved to another page instead, which Next reports by throwing. Never rejects: a hub
 *  that did not answer is a refusal too, so that the form stays with what was entered. Whether the action was done is not
 *  known then: what must not be done twice carries the id of its form. */
export async function settled<Data>(call: Promise<ActionResult<Data>>): Promise<ActionResult<Data> | null> {
  try {
    return noticed(await call);
  } catch (thrown) {
    if (String((thrown as { digest?: unknown } | null)?.digest).startsWith("NEXT_REDIRECT")) return null;
    return {
      ok: false,
      error: { code: unstable_isUnrecognizedActionError(thrown) ? "outdated" : "unavailable", message: "" },
    };
  }
}
