import { streamChanges } from "@/lib/auth/change-stream";
import { createChangeWatch } from "@/lib/auth/change-watch";
import { HEALTH_VIEW, readHealthVersions } from "@/lib/auth/queries";
import type { StaffPageScope } from "@/lib/auth/require-staff";
import { logger } from "@/lib/log";

/** Each holds one of the gateway's connections to this process. */
const MAX_VIEWERS = 32;

const watch = createChangeWatch({
  read: readHealthVersions,
  onError: (error) => logger("changes").warn({ err: error }, "could not look for changes of health"),
  max: MAX_VIEWERS,
});

/** The operator's health page as a change stream: `change` when a breaker, a check or a credential changed, and every five
 *  seconds for the figures. It carries no data. */
export function healthStream({ user }: StaffPageScope, request: Request): Response {
  return streamChanges(watch, { sessionId: user.sessionId, orgId: HEALTH_VIEW }, request);
}
