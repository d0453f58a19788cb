import { AppError } from "@/lib/errors";
import { type AttemptContext, type AttemptResult, endedByHub, failed, GRACE_DRAIN_MS } from "@/lib/gateway/attempt";
import { sdkFailure } from "@/lib/gateway/providers/sdk-failure";

type Context = Pick<AttemptContext, "candidate" | "meter" | "reply"> & { isStream: boolean };
type Steps<Asked> = {
  ask(signal: AbortSignal): PromiseLike<Asked>;
  answer(asked: Asked, signal: AbortSignal): AttemptResult | Promise<AttemptResult>;
};

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
      if (error instanceof AppError) throw error;
      if (!abort.signal.aborted) return failed(sdkFailure(error, candidate.definition));
      if (!reply.gone) throw endedByHub();
      // the client left and its grace ran out: nothing was received that could be counted
      meter.finish({ outcome: "client_gone", httpStatus: null, usage: null, usageSource: "unknown" }, 499);
      return { answered: true };
    }
    // outside: taken for the provider's failure, a bug of ours would be tried again elsewhere and rest the route
    return await answer(asked, abort.signal);
  } finally {
    if (grace) clearTimeout(grace);
  }
}
