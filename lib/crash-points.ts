/** Statements of the money path: each has a point before it is sent, one while it runs and one once it has committed. */
const STATEMENTS = ["authorize", "checkpoint", "settle", "void", "adjust", "sweep", "expire", "payment"] as const;

/** The moments between them, in the order of a call's life. */
const MOMENTS = [
  ...(["boot.fenced", "replay.read", "replay.settled", "replay.discarded", "boot.replayed"] as const),
  ...(["call.admitted", "upstream.unsent", "upstream.sent", "upstream.answered", "attempt.failed"] as const),
  ...(["content.first", "content.committed", "content.written"] as const),
  ...(["hold.used_up", "hold.extended", "hold.exhausted"] as const),
  ...(["client.left", "client.abandoned"] as const),
  ...(["answer.complete", "answer.priced", "spool.unwritten", "spool.written"] as const),
  ...(["answer.settled", "answer.sent", "settle.acknowledged", "spool.cleared"] as const),
  ...(["payment.read", "refund.found", "refund.asked", "refund.reconciled"] as const),
] as const;

type Statement = (typeof STATEMENTS)[number];
export type CrashPoint = (typeof MOMENTS)[number] | `${Statement}.${"unsent" | "sent" | "committed"}`;

/** Every place of the money path at which a test can kill the process (e2e/faults/crash-points.spec.ts). */
export const CRASH_POINTS: readonly CrashPoint[] = [
  ...STATEMENTS.flatMap((name) => [`${name}.unsent`, `${name}.sent`, `${name}.committed`] as const),
  ...MOMENTS,
];

let pass: ((point: CrashPoint) => void) | null = null;

/** Does nothing unless a test watches this process (server/crash-points.ts). */
export function crashPoint(point: CrashPoint): void {
  pass?.(point);
}

/** A crash point that is reached once what was just begun is on its way: the socket has it, nothing has answered. */
export function crashPointSoon(point: CrashPoint): void {
  if (pass) setImmediate(pass, point);
}

/** Runs a statement between its three points. */
export async function amidCrashPoints<Result>(statement: Statement, run: () => Promise<Result>): Promise<Result> {
  crashPoint(`${statement}.unsent`);
  const running = run();
  crashPointSoon(`${statement}.sent`);
  const result = await running;
  crashPoint(`${statement}.committed`);
  return result;
}

/** Tells `listener` of every point that this process comes by. */
export function watchCrashPoints(listener: (point: CrashPoint) => void): void {
  pass = listener;
}
