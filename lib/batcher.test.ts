import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Batcher, type BatchOutcome, Lane, type Trouble } from "@/lib/batcher";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Outcomes = BatchOutcome<string>[];

/** A statement that answers only when the test says so. */
function heldStatement() {
  const sent: string[][] = [];
  const answers: ((outcomes?: Outcomes | Error) => void)[] = [];
  const run = (items: string[]) =>
    new Promise<Outcomes>((resolve, reject) => {
      sent.push(items);
      answers.push((outcomes = items.map((item) => ({ result: `${item}!` }))) =>
        outcomes instanceof Error ? reject(outcomes) : resolve(outcomes),
      );
    });
  const settleMicrotasks = () => vi.advanceTimersByTimeAsync(0);
  return {
    run,
    sent,
    answer: async (outcomes?: Outcomes | Error) => {
      answers.shift()?.(outcomes);
      await settleMicrotasks();
    },
    settleMicrotasks,
  };
}

describe("coalescing", () => {
  test("calls of one turn share a statement; what comes while it runs forms the next one, in order", async () => {
    const { run, sent, answer, settleMicrotasks } = heldStatement();
    const batcher = new Batcher(run, { max: 100 });
    const first = [batcher.add("a"), batcher.add("b")];
    await settleMicrotasks();
    const second = [batcher.add("c")];
    await settleMicrotasks();
    second.push(batcher.add("d"));
    expect(sent).toEqual([["a", "b"]]);

    await answer();
    expect(await Promise.all(first)).toEqual(["a!", "b!"]);
    expect(sent).toEqual([
      ["a", "b"],
      ["c", "d"],
    ]);
    await answer();
    expect(await Promise.all(second)).toEqual(["c!", "d!"]);
    expect([batcher.statements, batcher.items, batcher.depth]).toEqual([2, 4, 0]);
  });

  test("one lane: never two statements at once", async () => {
    let running = 0;
    let most = 0;
    const batcher = new Batcher<number, number>(
      async (items) => {
        most = Math.max(most, ++running);
        await new Promise((resume) => setTimeout(resume, 5));
        running--;
        return items.map((item) => ({ result: item * 2 }));
      },
      { max: 3 },
    );
    const results = Promise.all(Array.from({ length: 20 }, (_, i) => batcher.add(i)));
    await vi.advanceTimersByTimeAsync(100);
    expect(await results).toEqual(Array.from({ length: 20 }, (_, i) => i * 2));
    expect(most).toBe(1);
    expect(batcher.statements).toBe(7);
  });

  test("a lone call waits for no timer", async () => {
    const batcher = new Batcher<string, string>(async (items) => items.map((item) => ({ result: item })), { max: 10 });
    await expect(batcher.add("alone")).resolves.toBe("alone");
  });
});

describe("come again", () => {
  test("waits 2 ms, then twice as long each time, up to 50 ms", async () => {
    const sentAt: number[] = [];
    const start = Date.now();
    const batcher = new Batcher<string, string>(
      async (items) => {
        sentAt.push(Date.now() - start);
        return items.map(() => (sentAt.length > 7 ? { result: "done" } : { again: true }));
      },
      { max: 10 },
    );
    const result = batcher.add("a");
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(result).resolves.toBe("done");
    expect(sentAt.slice(1).map((at, i) => at - (sentAt[i] as number))).toEqual([2, 4, 8, 16, 32, 50, 50]);
  });

  test("holds back nobody else, and the waiting item comes before later ones", async () => {
    const { run, sent, answer, settleMicrotasks } = heldStatement();
    const batcher = new Batcher(run, { max: 10 });
    const results = [batcher.add("locked"), batcher.add("free")];
    await settleMicrotasks();
    await answer([{ again: true }, { result: "free!" }]);
    await expect(results[1]).resolves.toBe("free!");

    results.push(batcher.add("later"));
    await settleMicrotasks();
    results.push(batcher.add("latest"));
    await vi.advanceTimersByTimeAsync(2);
    await answer();
    expect(sent.slice(1)).toEqual([["later"], ["locked", "latest"]]);
    await answer();
    await expect(results[0]).resolves.toBe("locked!");
  });
});

describe("errors", () => {
  test("split: only the poison item fails; its neighbours go through", async () => {
    const poison = new Error("poison");
    const sent: number[][] = [];
    const batcher = new Batcher<number, number>(
      async (items) => {
        sent.push(items);
        if (items.includes(5)) throw poison;
        return items.map((item) => ({ result: item }));
      },
      { max: 100, onError: () => "split" },
    );
    const results = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => batcher.add(i)));
    expect(results.flatMap((result, i) => (result.status === "rejected" ? [i] : []))).toEqual([5]);
    expect(results[5]).toMatchObject({ reason: poison });
    expect(sent.length).toBe(7); // 8, then 4+4, 2+2, 1+1: a bisection
  });

  test("retry: the very same items after the pause, and whoever came meanwhile", async () => {
    const { run, sent, answer, settleMicrotasks } = heldStatement();
    const batcher = new Batcher(run, { max: 10, onError: () => "retry" });
    const results = [batcher.add("a"), batcher.add("b")];
    await settleMicrotasks();
    await answer(new Error("connection lost"));
    results.push(batcher.add("c"));
    await vi.advanceTimersByTimeAsync(99);
    expect(sent.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent).toEqual([
      ["a", "b"],
      ["a", "b", "c"],
    ]);
    expect(batcher.depth).toBe(3);
    await answer();
    await expect(Promise.all(results)).resolves.toEqual(["a!", "b!", "c!"]);
    expect(batcher.depth).toBe(0);
  });

  test("retry: 100 ms, then twice as long each time up to 2 s; a success starts over", async () => {
    const sentAt: number[] = [];
    let away = true;
    const batcher = new Batcher<string, string>(
      async (items) => {
        sentAt.push(Date.now());
        if (away) throw new Error("away");
        return items.map((item) => ({ result: item }));
      },
      { max: 10, onError: () => "retry" },
    );
    const pauses = () => sentAt.slice(1).map((at, i) => at - (sentAt[i] as number));
    const first = batcher.add("a");
    await vi.advanceTimersByTimeAsync(7_200);
    expect(pauses()).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000]);
    away = false;
    await vi.advanceTimersByTimeAsync(2_000);
    await expect(first).resolves.toBe("a");
    away = true;
    sentAt.length = 0;
    const second = batcher.add("b");
    await vi.advanceTimersByTimeAsync(150);
    away = false;
    expect(pauses()).toEqual([100]);
    await vi.advanceTimersByTimeAsync(200);
    await expect(second).resolves.toBe("b");
  });

  test("trouble is told at once, then at most every 10 s, with its size", async () => {
    const told: Trouble[] = [];
    const batcher = new Batcher<string, string>(() => Promise.reject(new Error("away")), {
      max: 10,
      onError: () => "retry",
      onTrouble: (_error, trouble) => told.push(trouble),
    });
    void batcher.add("a");
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([{ retries: 1, pending: 1 }]);
    void batcher.add("b");
    await vi.advanceTimersByTimeAsync(9_999);
    expect(told).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(told).toHaveLength(2);
    expect(told[1]).toMatchObject({ pending: 2 });
    expect(told[1]?.retries).toBeGreaterThan(5);
  });

  test("an item that nobody waits for any more is not sent again, and is said to have been sent", async () => {
    const { run, sent, answer, settleMicrotasks } = heldStatement();
    const abandoned = new Map<string, boolean>();
    let gone = false;
    const batcher = new Batcher(run, {
      max: 10,
      onError: () => "retry",
      isAbandoned: (item, wasSent) => gone && item !== "c" && abandoned.set(item, wasSent) !== undefined,
    });
    const results = Promise.allSettled([batcher.add("a")]);
    await settleMicrotasks();
    const later = Promise.allSettled([batcher.add("b"), batcher.add("c")]);
    await answer(new Error("away"));
    gone = true;
    await vi.advanceTimersByTimeAsync(100);
    expect(sent.slice(1)).toEqual([["c"]]);
    await answer();
    expect((await results)[0]?.status).toBe("rejected");
    expect((await later).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect([...abandoned]).toEqual([
      ["a", true],
      ["b", false],
    ]);
    expect(batcher.depth).toBe(0);
  });

  test("without a decision everything in the batch is rejected, and the lane goes on", async () => {
    const { run, answer, settleMicrotasks } = heldStatement();
    const batcher = new Batcher(run, { max: 10 });
    const failing = Promise.allSettled([batcher.add("a"), batcher.add("b")]);
    await settleMicrotasks();
    const next = batcher.add("c");
    await answer(new Error("no"));
    expect((await failing).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await answer();
    await expect(next).resolves.toBe("c!");
  });

  test("an item without an outcome is rejected rather than left hanging", async () => {
    const batcher = new Batcher<string, string>(async () => [{ result: "a!" }], { max: 10 });
    const [first, second] = await Promise.allSettled([batcher.add("a"), batcher.add("b")]);
    expect(first).toMatchObject({ value: "a!" });
    expect(second).toMatchObject({ status: "rejected" });
  });
});

describe("a lane shared by several batchers", () => {
  test("lets one statement at a time through, and whoever waits gathers a larger batch", async () => {
    const lane = new Lane();
    const one = heldStatement();
    const other = heldStatement();
    const [first, second] = [one, other].map(({ run }) => new Batcher(run, { max: 10, lane }));
    const results = [first?.add("a"), second?.add("x")];
    await one.settleMicrotasks();
    results.push(second?.add("y"));
    expect([one.sent, other.sent]).toEqual([[["a"]], []]);
    await one.answer();
    expect(other.sent).toEqual([["x", "y"]]);
    await other.answer();
    expect(await Promise.all(results)).toEqual(["a!", "x!", "y!"]);
  });

  test("is not blocked by a statement that failed", async () => {
    const lane = new Lane();
    await expect(lane.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(lane.run(async () => "next")).resolves.toBe("next");
  });
});
