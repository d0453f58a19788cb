const MIN_RETRIES = 3;
const CALLS_PER_RETRY = 5;

/** Keeps retries from multiplying an overload: at most one in five calls in flight, at least 3, is on a further attempt. */
export class RetryBudget {
  private retrying = 0;

  constructor(private readonly callsInFlight: () => number) {}

  /** A call begins its second attempt. False: it must not. */
  take(): boolean {
    if (this.retrying >= Math.max(MIN_RETRIES, Math.floor(this.callsInFlight() / CALLS_PER_RETRY))) return false;
    this.retrying++;
    return true;
  }

  /** A call that had taken is over. */
  release(): void {
    this.retrying--;
  }
}
