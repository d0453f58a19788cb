import type { EgressTimeouts } from "@/lib/egress";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import { asksToThink, mayThink } from "@/lib/gateway/hold-shape";
import type { Candidate } from "@/lib/gateway/routing/candidates";

const IDLE_MS = 120_000;
const STREAM_FIRST_BYTE_MS = 60_000;
const WHOLE_FIRST_BYTE_MS = 600_000;

/** For answers that come in one piece. */
export const WHOLE_TIMEOUTS: EgressTimeouts = { firstByteMs: WHOLE_FIRST_BYTE_MS, idleMs: IDLE_MS };
/** A model that thinks in silence is not dead. */
const SILENT_TIMEOUTS: EgressTimeouts = { firstByteMs: WHOLE_FIRST_BYTE_MS, idleMs: WHOLE_FIRST_BYTE_MS };
const STREAM_TIMEOUTS: EgressTimeouts = { firstByteMs: STREAM_FIRST_BYTE_MS, idleMs: IDLE_MS };

/** How long an attempt waits for its upstream. */
export function timeoutsOf({ body, stream }: Conversation, candidate: Candidate): EgressTimeouts {
  if (thinksSilently(body, candidate)) return SILENT_TIMEOUTS;
  return stream ? STREAM_TIMEOUTS : WHOLE_TIMEOUTS;
}

function thinksSilently(body: Conversation["body"], { definition, offer }: Candidate): boolean {
  if (definition.reasoningStreams === "if-asked") return !asksToThink(body);
  return definition.reasoningStreams === false && mayThink(body, offer.upstreamModel);
}
