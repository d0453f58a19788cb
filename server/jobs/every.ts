export type Repetition = { stop(): Promise<void> };

/** Runs a task again and again, never twice at once, starting now. The task reports its own failures; one that throws
 *  does not end the repetition. `stop` waits for the run that is under way. */
export function every(intervalMs: number, task: () => Promise<void>): Repetition {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const turn = async () => {
    const startedAt = performance.now();
    await task().catch(() => {});
    const restMs = Math.max(0, intervalMs - (performance.now() - startedAt));
    if (!stopped) timer = setTimeout(() => (current = turn()), restMs);
  };
  let current = turn();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}
