/** Time as an argument. Product code receives a Clock; only entry points pass `systemClock`. */
export type Clock = {
  /** Wall clock, milliseconds since the epoch: for what people read. */
  now(): number;
  /** Monotonic milliseconds: for durations and deadlines. */
  monotonic(): number;
};

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
