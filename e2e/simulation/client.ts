import type { Reply } from "@/lib/gateway/exchange";
import type { GatewayLife } from "./node";

/** One call as its client sees it. */
export type Call = {
  id: string;
  life: GatewayLife;
  stream: boolean;
  status: number;
  text: string;
  ended: boolean;
  gone: boolean;
  /** Its node died under it. */
  cut: boolean;
  leave: () => void;
};

/** Takes the answer; the client never reads slowly, but may leave. */
export function replyTo(call: Call): Reply {
  const whenGone: (() => void)[] = [];
  call.leave = () => {
    for (const callback of whenGone) callback();
  };
  const take = (chunk: string | Uint8Array | undefined) => {
    if (chunk !== undefined && !call.gone)
      call.text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
  };
  return {
    get started() {
      return call.status !== 0;
    },
    get gone() {
      return call.gone;
    },
    send(status, _headers, body) {
      call.status = status;
      take(body);
      call.ended = true;
    },
    start(status) {
      call.status = status;
    },
    write(chunk) {
      take(chunk);
      return true;
    },
    end(last) {
      take(last);
      call.ended = true;
    },
    cut() {
      call.cut = true;
      call.ended = true;
    },
    onDrain: (callback) => queueMicrotask(callback),
    onGone: (callback) => void (call.gone ? callback() : whenGone.push(callback)),
  };
}
