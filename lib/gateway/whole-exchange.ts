import { type AttemptContext, type AttemptResult, endedByHub, failed, GRACE_DRAIN_MS } from "@/lib/gateway/attempt";
import { openUpstream, type UpstreamRequest } from "@/lib/gateway/upstream";

/** No answer is this long: whatever sends more must not fill our memory. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export type WholeAnswer = { status: number; headers: Record<string, string | undefined>; body: Buffer };
type Context = Pick<AttemptContext, "candidate" | "meter" | "reply" | "connect" | "inputTokens">;

/** One upstream call whose answer comes in one piece; `answer` makes of it what the client gets. Failures are classified,
 *  a client that leaves has a grace. Rejects with errors of our own, and where the hub ends the call. */
export function exchangeWhole(
  context: Context,
  request: UpstreamRequest,
  answer: (received: WholeAnswer) => AttemptResult,
): Promise<AttemptResult> {
  return new Promise((resolve, reject) => {
    const { candidate, meter, reply } = context;
    let status = 0;
    let headers: Record<string, string | undefined> = {};
    const parts: Buffer[] = [];
    let bytes = 0;
    let grace: NodeJS.Timeout | null = null;
    let done = false;
    const settle = (result: AttemptResult) => {
      done = true;
      if (grace) clearTimeout(grace);
      resolve(result);
    };
    // thrown into the transport, a bug of ours would pass for its failure
    const guard = (step: () => void) => {
      try {
        step();
      } catch (error) {
        done = true;
        if (grace) clearTimeout(grace);
        upstream.abort();
        reject(error);
      }
    };

    const upstream = openUpstream(context.connect, request, {
      onHeaders(code, received) {
        status = code;
        headers = received;
      },
      onData(chunk) {
        bytes += chunk.length;
        if (bytes <= MAX_ANSWER_BYTES) return void parts.push(chunk);
        upstream.abort();
        settle(
          failed({ class: "server", status, message: "The answer is too large.", param: null, retryAfterMs: null }),
        );
      },
      onEnd() {
        guard(() => {
          const body = Buffer.concat(parts);
          if (status < 200 || status > 299)
            return settle(failed(candidate.definition.classify({ status, headers, body: body.toString("utf8") })));
          settle(answer({ status, headers, body }));
        });
      },
      onFailure: (failure) => settle(failed(failure)),
    });

    const leave = () => {
      if (done) return;
      upstream.abort();
      // a whole answer that never came consumed nothing that could be counted; once headers were there, the input was read
      const usage = status >= 200 && status < 300 ? { input: context.inputTokens(), output: 0 } : null;
      meter.finish({ outcome: "client_gone", httpStatus: status || null, usage, usageSource: "estimated" }, 499);
      settle({ answered: true });
    };
    reply.onGone(() => {
      if (!done && !meter.isAwaitedLater) grace ??= setTimeout(() => guard(leave), GRACE_DRAIN_MS);
    });
    meter.onAbort(() => {
      if (reply.gone) return guard(leave);
      if (done) return;
      done = true;
      upstream.abort();
      reject(endedByHub());
    });
  });
}
