import type { Dispatcher } from "undici";
import { words } from "@/e2e/support/providers/words";
import type { Random } from "./random";
import type { Owner } from "./virtual-time";

type Step =
  | { headers: number }
  | { chunk: string; tokens: number; usage?: boolean }
  | { end: true }
  | { error: string };

/** One call as its provider saw it. */
export type UpstreamCall = {
  owner: Owner;
  /** The client's mark: the request's `user`. */
  tag: string;
  stream: boolean;
  state: "open" | "complete" | "failed" | "aborted";
  /** Reached the gateway. */
  received: { headers: boolean; tokens: number; usage: { input: number; output: number } | null };
  paused: boolean;
  steps: Step[];
  handler: Dispatcher.DispatchHandler;
  controller: Dispatcher.DispatchController;
};

export const PROMPT_TOKENS = 9;

/** Providers that answer as chance has it, one packet at a time and only when told to. */
export class SimulatedUpstream {
  readonly calls: UpstreamCall[] = [];
  faults = true;

  constructor(
    private readonly random: Random,
    private readonly onCall: (call: UpstreamCall) => void,
  ) {}

  dispatcherOf(owner: Owner): Dispatcher {
    const dispatch = (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => {
      const body = JSON.parse(String(options.body)) as {
        user: string;
        stream?: boolean;
        max_tokens?: number;
        max_completion_tokens?: number;
      };
      const call: UpstreamCall = {
        ...{ owner, tag: body.user, stream: body.stream === true, state: "open", paused: false, handler },
        received: { headers: false, tokens: 0, usage: null },
        steps: this.plan(body.stream === true, body.max_completion_tokens ?? body.max_tokens ?? 4_096),
        controller: null as unknown as Dispatcher.DispatchController,
      };
      call.controller = {
        abort: () => {
          if (call.state === "open") call.state = "aborted";
        },
        pause: () => {
          call.paused = true;
        },
        resume: () => {
          call.paused = false;
        },
      } as unknown as Dispatcher.DispatchController;
      this.calls.push(call);
      this.onCall(call);
      queueMicrotask(() => handler.onRequestStart?.(call.controller, {}));
      return true;
    };
    // safe because the gateway only dispatches
    return { dispatch } as unknown as Dispatcher;
  }

  /** Calls whose next packet may arrive. */
  get ready(): UpstreamCall[] {
    return this.calls.filter((call) => call.state === "open" && !call.paused && !call.owner.dead && !call.owner.paused);
  }

  /** Delivers the next packet. */
  deliver(call: UpstreamCall): void {
    const step = call.steps.shift() ?? { end: true as const };
    const { handler, controller, received } = call;
    if ("headers" in step) {
      received.headers = step.headers === 200;
      handler.onResponseStart?.(controller, step.headers, {}, "");
    } else if ("chunk" in step) {
      received.tokens += step.tokens;
      if (step.usage) received.usage = { input: PROMPT_TOKENS, output: received.tokens };
      handler.onResponseData?.(controller, Buffer.from(step.chunk));
    } else if ("end" in step) {
      call.state = "complete";
      handler.onResponseEnd?.(controller, {});
    } else {
      call.state = "failed";
      handler.onResponseError?.(controller, Object.assign(new Error("simulated"), { code: step.error }));
    }
  }

  private plan(stream: boolean, limit: number): Step[] {
    const { random } = this;
    const isFaulty = this.faults && random.chance(0.35);
    if (isFaulty && random.chance(0.3)) return [{ error: random.pick(["ECONNREFUSED", "UND_ERR_HEADERS_TIMEOUT"]) }];
    if (isFaulty && random.chance(0.3))
      return [
        { headers: random.pick([500, 503, 429]) },
        { chunk: '{"error":{"message":"no"}}', tokens: 0 },
        { end: true },
      ];
    const wanted = random.chance(0.15) ? random.between(900, 2_600) : random.between(1, 40);
    const tokens = Math.min(wanted, limit);
    const finish = wanted > limit ? "length" : "stop";
    const usage = { prompt_tokens: PROMPT_TOKENS, completion_tokens: tokens, total_tokens: PROMPT_TOKENS + tokens };
    const hasUsage = !(this.faults && random.chance(0.15));
    if (!stream) {
      const message = { role: "assistant", content: [...words(tokens)].join("") };
      const body = JSON.stringify({
        ...{
          id: "chatcmpl-sim",
          object: "chat.completion",
          model: "m",
          choices: [{ index: 0, message, finish_reason: finish }],
        },
        ...(hasUsage && { usage }),
      });
      if (isFaulty)
        return [{ headers: 200 }, { chunk: body.slice(0, body.length >> 1), tokens: 0 }, { error: "ECONNRESET" }];
      return [{ headers: 200 }, { chunk: body, tokens, usage: hasUsage }, { end: true }];
    }
    const frame = (delta: object, reason: string | null = null) =>
      `data: ${JSON.stringify({ id: "chatcmpl-sim", object: "chat.completion.chunk", model: "m", choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
    const steps: Step[] = [{ headers: 200 }, { chunk: frame({ role: "assistant" }), tokens: 0 }];
    const perPacket = Math.max(1, Math.ceil(tokens / random.between(1, 12)));
    const text = [...words(tokens)];
    for (let at = 0; at < tokens; at += perPacket) {
      const part = text.slice(at, at + perPacket);
      steps.push({ chunk: part.map((word) => frame({ content: word })).join(""), tokens: part.length });
    }
    if (isFaulty) {
      const kept = steps.slice(0, random.between(1, steps.length));
      const last: Step[] = [{ error: "ECONNRESET" }, { error: "UND_ERR_BODY_TIMEOUT" }, { end: true }];
      return [...kept, random.pick(last)];
    }
    steps.push({ chunk: frame({}, finish), tokens: 0 });
    const report = hasUsage
      ? `data: ${JSON.stringify({ id: "chatcmpl-sim", object: "chat.completion.chunk", model: "m", choices: [], usage })}\n\n`
      : "";
    if (report && random.chance(0.5))
      steps.push({ chunk: report, tokens: 0, usage: true }, { chunk: "data: [DONE]\n\n", tokens: 0 });
    else steps.push({ chunk: `${report}data: [DONE]\n\n`, tokens: 0, usage: hasUsage });
    return [...steps, { end: true }];
  }
}
