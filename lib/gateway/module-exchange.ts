import type { Usage } from "@/lib/billing/usage";
import { AppError } from "@/lib/errors";
import {
  type AttemptContext,
  type AttemptResult,
  endedByHub,
  failed,
  GRACE_DRAIN_MS,
  type PartlyUsed,
} from "@/lib/gateway/attempt";
import { sdkFailure } from "@/lib/gateway/providers/sdk-failure";
import type { UsageReading } from "@/lib/gateway/usage/reading";

type Context = Pick<AttemptContext, "candidate" | "meter" | "reply"> & { isStream: boolean };
type Steps<Asked> = {
  ask(signal: AbortSignal): PromiseLike<Asked>;
  answer(asked: Asked, signal: AbortSignal): AttemptResult | Promise<AttemptResult>;
};

/** Thrown by `ask` for an answer that takes several upstream calls, of which one failed behind others; `cause` is its error. */
export class PartsFailed extends Error {
  override name = "PartsFailed";
  readonly used: PartlyUsed;

  constructor(cause: unknown, { reading, carried }: { reading: UsageReading; carried?: Usage }) {
    super("a part of the answer failed", { cause });
    this.used = { usage: reading.usage, usageSource: reading.source, ...(carried && { carried }) };
  }
}

/** One upstream call through a provider's AI SDK module: `ask` gets its answer, `answer` makes of it what the client gets. What
 *  `ask` throws is the provider's failure and classified; a client that leaves has a grace. Rejects with errors of our own,
 *  whatever `answer` throws among them, and where the hub ends the call. */
export async function exchangeModule<Asked>(context: Context, { ask, answer }: Steps<Asked>): Promise<AttemptResult> {
  const { candidate, meter, reply, isStream } = context;
  const abort = new AbortController();
  let grace: NodeJS.Timeout | null = null;
  reply.onGone(() => {
    if (!meter.settled && (isStream || !meter.isAwaitedLater))
      grace ??= setTimeout(() => abort.abort(), GRACE_DRAIN_MS);
  });
  meter.onAbort(() => abort.abort());
  try {
    let asked: Asked;
    try {
      asked = await ask(abort.signal);
    } catch (error) {
      const [cause, used] = error instanceof PartsFailed ? [error.cause, error.used] : [error, undefined];
      const isOurs = cause instanceof AppError;
      if (!isOurs && !abort.signal.aborted) return failed(sdkFailure(cause, candidate.definition), used);
      if (isOurs || !reply.gone) {
        // the caller is told that nothing is charged: what the parts cost is the hub's
        if (used) meter.failAttempt({ outcome: "upstream_error", httpStatus: null, ...used });
        throw isOurs ? cause : endedByHub();
      }
      // the client left and its grace ran out: nothing was received that could be counted, but for parts
      const uncounted = { usage: null, usageSource: "unknown" } as const;
      meter.finish({ outcome: "client_gone", httpStatus: null, ...(used ?? uncounted) }, 499);
      return { answered: true };
    }
    // outside: taken for the provider's failure, a bug of ours would be tried again elsewhere and rest the route
    return await answer(asked, abort.signal);
  } finally {
    if (grace) clearTimeout(grace);
  }
}
