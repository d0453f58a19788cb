/** What a batch run says of one item: an answer, or "come again" (its wallet was locked by someone else). */
export type BatchOutcome<Result> = { result: Result } | { again: true };

/** "retry": same items again after a pause; "split": halve until the poison item is alone; "fail": reject all. */
export type Recovery = "retry" | "split" | "fail";

/** How bad it is: statements that failed in a row (0: not tried again), and items waiting or in flight. */
export type Trouble = { retries: number; pending: number };

type Waiting<Item, Result> = {
  item: Item;
  tries: number;
  sent: boolean;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
const REPORT_EVERY_MS = 10_000;

/** Lets one statement at a time through. Batchers that lock the same rows share one, so that they take turns instead of
 *  finding each other's locks; whoever waits gathers a larger batch meanwhile. */
export class Lane {
  private tail: Promise<unknown> = Promise.resolve();

  run<Result>(step: () => Promise<Result>): Promise<Result> {
    const next = this.tail.then(step);
    // the step's own caller hears of its failure
    this.tail = next.catch(() => {});
    return next;
  }
}

/** Coalesces concurrent calls into one statement: whatever arrives while a statement is in flight forms the next one.
 *  One lane and no timer, so a lone call waits for nothing and a crowd shares one commit. Items told to come again wait
 *  2 ms, doubling to 50 ms. An error is decided by `onError`; without it the whole batch is rejected. While a batch is to be
 *  tried again nothing else is sent: after 100 ms, then twice as long each time up to 2 s. */
export class Batcher<Item, Result> {
  private queue: Waiting<Item, Result>[] = [];
  private busy = false;
  private pause: NodeJS.Timeout | null = null;
  private failures = 0;
  private reportedAt = Number.NEGATIVE_INFINITY;
  private readonly lane: Lane;
  /** Items waiting or in flight. */
  depth = 0;
  /** Statements sent and items carried, for metrics and tests. */
  statements = 0;
  items = 0;

  constructor(
    private readonly run: (items: Item[]) => Promise<BatchOutcome<Result>[]>,
    private readonly options: {
      max: number;
      /** Shared with the batchers this one must take turns with. */
      lane?: Lane;
      onError?: (error: unknown) => Recovery;
      /** Hears of failed statements: at once, then at most every 10 s. */
      onTrouble?: (error: unknown, trouble: Trouble) => void;
      /** True: nobody waits for this item any more. It is rejected instead of sent (again). */
      isAbandoned?: (item: Item, wasSent: boolean) => boolean;
    },
  ) {
    this.lane = options.lane ?? new Lane();
  }

  add(item: Item): Promise<Result> {
    this.depth++;
    return new Promise((resolve, reject) => {
      this.queue.push({ item, tries: 0, sent: false, resolve, reject });
      this.kick();
    });
  }

  private kick(): void {
    if (this.busy || this.pause || this.queue.length === 0) return;
    this.busy = true;
    // The lane's promise is also the gap in which every call of this turn of the event loop joins the batch.
    void this.lane
      .run(() => this.flush(this.take()))
      .finally(() => {
        this.busy = false;
        this.kick();
      });
  }

  private take(): Waiting<Item, Result>[] {
    const batch = this.queue.splice(0, this.options.max);
    const { isAbandoned } = this.options;
    if (!isAbandoned) return batch;
    return batch.filter((waiting) => {
      if (!isAbandoned(waiting.item, waiting.sent)) return true;
      this.refuse(waiting, new Error("nobody waits for this any more"));
      return false;
    });
  }

  private async flush(batch: Waiting<Item, Result>[]): Promise<void> {
    if (batch.length === 0) return;
    this.statements++;
    this.items += batch.length;
    for (const waiting of batch) waiting.sent = true;
    try {
      const outcomes = await this.run(batch.map((waiting) => waiting.item));
      this.failures = 0;
      for (const [index, waiting] of batch.entries()) this.deliver(waiting, outcomes[index]);
    } catch (error) {
      await this.recover(batch, error);
    }
  }

  private deliver(waiting: Waiting<Item, Result>, outcome: BatchOutcome<Result> | undefined): void {
    if (!outcome) return this.refuse(waiting, new Error("the batch returned no row for an item"));
    if ("result" in outcome) {
      this.depth--;
      return waiting.resolve(outcome.result);
    }
    waiting.tries++;
    setTimeout(() => this.requeue([waiting]), Math.min(50, 2 ** waiting.tries));
  }

  private refuse(waiting: Waiting<Item, Result>, error: unknown): void {
    this.depth--;
    waiting.reject(error);
  }

  private async recover(batch: Waiting<Item, Result>[], error: unknown): Promise<void> {
    const decision = this.options.onError?.(error) ?? "fail";
    if (decision === "split" && batch.length > 1) {
      const middle = batch.length >> 1;
      await this.flush(batch.slice(0, middle));
      await this.flush(batch.slice(middle));
      return;
    }
    if (decision === "retry") {
      this.failures++;
      this.pause ??= setTimeout(() => {
        this.pause = null;
        this.kick();
      }, pauseAfter(this.failures));
      this.requeue(batch);
    }
    this.report(error, decision === "retry" ? this.failures : 0);
    if (decision !== "retry") for (const waiting of batch) this.refuse(waiting, error);
  }

  private requeue(batch: Waiting<Item, Result>[]): void {
    this.queue.unshift(...batch);
    this.kick();
  }

  private report(error: unknown, retries: number): void {
    const now = performance.now();
    if (now - this.reportedAt < REPORT_EVERY_MS) return;
    this.reportedAt = now;
    this.options.onTrouble?.(error, { retries, pending: this.depth });
  }
}

function pauseAfter(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}
