import type { EgressTimeouts } from "@/lib/egress";
import type { Conversation } from "@/lib/gateway/dialects/dialect";
import { thinksSilently } from "@/lib/gateway/hold-shape";
import type { Candidate } from "@/lib/gateway/routing/candidates";

const IDLE_MS = 120_000;
const STREAM_FIRST_BYTE_MS = 60_000;
const WHOLE_FIRST_BYTE_MS = 600_000;

/** For answers that come in one piece. */
export const WHOLE_TIMEOUTS: EgressTimeouts = { firstByteMs: WHOLE_FIRST_BYTE_MS, idleMs: IDLE_MS };
/** A model that thinks in silence is not dead. */
const SILENT_TIMEOUTS: EgressTimeouts = { firstByteMs: WHOLE_FIRST_BYTE_MS, idleMs: WHOLE_FIRST_BYTE_MS };
const STREAM_TIMEOUTS: EgressTimeouts = { firstByteMs: STREAM_FIRST_BYTE_MS, idleMs: IDLE_MS };

/** How long an attempt waits for its upstream; the offer's own figures win. */
export function timeoutsOf({ body, stream }: Conversation, candidate: Candidate): EgressTimeouts {
  if (thinksSilently(body, candidate)) return withOwn(SILENT_TIMEOUTS, candidate);
  return withOwn(stream ? STREAM_TIMEOUTS : WHOLE_TIMEOUTS, candidate);
}

/** The same for a call that is no conversation. */
export function wholeTimeoutsOf(candidate: Candidate): EgressTimeouts {
  return withOwn(WHOLE_TIMEOUTS, candidate);
}

function withOwn(usual: EgressTimeouts, { offer: { timeouts } }: Candidate): EgressTimeouts {
  if (!timeouts) return usual;
  const { firstByteMs = usual.firstByteMs, idleMs = usual.idleMs, connectMs } = timeouts;
  return { firstByteMs, idleMs, ...(connectMs !== undefined && { connectMs }) };
}
