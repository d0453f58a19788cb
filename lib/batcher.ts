/** What a batch run says of one item: an answer, or "come again" (its wallet was locked by someone else). */
export type BatchOutcome<Result> = { result: Result } | { again: true };

type Waiting<Item, Result> = {
  item: Item;
  tries: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

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
 *  2 ms, doubling to 50 ms. An error is decided by `onError`: retry everything, split to find the poison item, or fail. */
export class Batcher<Item, Result> {
  private queue: Waiting<Item, Result>[] = [];
  private busy = false;
  private readonly lane: Lane;
  /** Statements sent and items carried, for metrics and tests. */
  statements = 0;
  items = 0;

  constructor(
    private readonly run: (items: Item[]) => Promise<BatchOutcome<Result>[]>,
    private readonly options: {
      max: number;
      /** Shared with the batchers this one must take turns with. */
      lane?: Lane;
      /** "retry": same items again after `retryMs`; "split": halve until the poison item is alone; "fail": reject all. */
      onError?: (error: unknown, items: number) => "retry" | "split" | "fail";
      retryMs?: number;
    },
  ) {
    this.lane = options.lane ?? new Lane();
  }

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.queue.push({ item, tries: 0, resolve, reject });
      this.kick();
    });
  }

  /** Items waiting or in flight. */
  get depth(): number {
    return this.queue.length + (this.busy ? 1 : 0);
  }

  private kick(): void {
    if (this.busy || this.queue.length === 0) return;
    this.busy = true;
    // The lane's promise is also the gap in which every call of this turn of the event loop joins the batch.
    void this.lane
      .run(() => this.flush(this.queue.splice(0, this.options.max)))
      .finally(() => {
        this.busy = false;
        this.kick();
      });
  }

  private async flush(batch: Waiting<Item, Result>[]): Promise<void> {
    if (batch.length === 0) return;
    this.statements++;
    this.items += batch.length;
    try {
      const outcomes = await this.run(batch.map((waiting) => waiting.item));
      for (const [index, waiting] of batch.entries()) this.deliver(waiting, outcomes[index]);
    } catch (error) {
      await this.recover(batch, error);
    }
  }

  private deliver(waiting: Waiting<Item, Result>, outcome: BatchOutcome<Result> | undefined): void {
    if (outcome && "result" in outcome) return waiting.resolve(outcome.result);
    if (!outcome) return waiting.reject(new Error("the batch returned no row for an item"));
    waiting.tries++;
    setTimeout(() => this.requeue([waiting]), Math.min(50, 2 ** waiting.tries));
  }

  private async recover(batch: Waiting<Item, Result>[], error: unknown): Promise<void> {
    const decision = this.options.onError?.(error, batch.length) ?? "fail";
    if (decision === "retry") {
      setTimeout(() => this.requeue(batch), this.options.retryMs ?? 100);
      return;
    }
    if (decision === "split" && batch.length > 1) {
      const middle = batch.length >> 1;
      await this.flush(batch.slice(0, middle));
      await this.flush(batch.slice(middle));
      return;
    }
    for (const waiting of batch) waiting.reject(error);
  }

  private requeue(batch: Waiting<Item, Result>[]): void {
    this.queue.unshift(...batch);
    this.kick();
  }
}
