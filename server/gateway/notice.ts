/** A probe older than this is nobody's turn any more. */
const ASKED_WITHIN_MS = 15_000;
const LONGEST_MS = 5_000;

/** How long a gateway that ends must go on answering, so that a balancer which asks whether it is ready hears that it is
 *  not before connections are refused. */
export type Notice = {
  /** Somebody asked. */
  probed(): void;
  /** Two turns of whoever asks, one where several do; 0 where nobody does. */
  readonly ms: number;
};

export function createNotice(now: () => number = () => performance.now()): Notice {
  let last: number | null = null;
  /** The longest pause between two probes, of which the past counts less and less. */
  let turnMs = 0;
  return {
    probed() {
      const at = now();
      if (last !== null) turnMs = Math.max(at - last, turnMs / 2);
      last = at;
    },
    get ms() {
      if (last === null || now() - last > ASKED_WITHIN_MS) return 0;
      return Math.min(LONGEST_MS, 2 * turnMs);
    },
  };
}
