import { afterEach, describe, expect, test, vi } from "vitest";
import { RoleProcess } from "@/server/supervisor/process";

const never = new AbortController().signal;
const started: RoleProcess[] = [];
afterEach(() => Promise.all(started.splice(0).map((role) => role.stop(0, never))));

function run(code: string) {
  const sentences: string[] = [];
  const pids: (number | undefined)[] = [];
  const role: RoleProcess = new RoleProcess(
    { name: "gateway", cwd: process.cwd(), env: { NODE_ENV: "production" }, args: ["-e", code] },
    { say: (sentence) => sentences.push(sentence), onSpawn: () => pids.push(role.pid) },
  );
  role.start();
  started.push(role);
  return { role, sentences, pids };
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("a role that ends by itself", () => {
  test("starts again, each time after a longer pause", async () => {
    const { pids, sentences } = run("process.exit(3)");
    await vi.waitFor(() => expect(pids.length).toBeGreaterThanOrEqual(3), 10_000);
    expect(sentences[0]).toBe("The gateway ended (exit code 3); it starts again in 0.25 s.");
    expect(sentences[1]).toBe("The gateway ended (exit code 3); it starts again in 0.5 s.");
    expect(new Set(pids).size).toBe(pids.length);
  });

  test("is named with the signal that killed it", async () => {
    const { role, sentences } = run("setInterval(() => {}, 1000)");
    process.kill(role.pid ?? 0, "SIGKILL");
    await vi.waitFor(() => expect(sentences[0]).toBe("The gateway ended (signal SIGKILL); it starts again in 0.25 s."));
  });
});

test("a role that is replaced starts at once, without a word", async () => {
  const { role, sentences, pids } = run("setInterval(() => {}, 1000)");
  await role.replace();
  expect(pids).toHaveLength(2);
  expect(isAlive(pids[0] ?? 0)).toBe(false);
  expect(isAlive(pids[1] ?? 0)).toBe(true);
  expect(sentences).toEqual([]);
});

describe("stopping", () => {
  const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); process.send('up')";

  test("a stopped role stays down", async () => {
    const { role, sentences, pids } = run("setInterval(() => {}, 1000)");
    await role.stop(5_000, never);
    expect(isAlive(pids[0] ?? 0)).toBe(false);
    expect(sentences).toEqual([]);
  });

  test("one that does not listen is killed after its grace", async () => {
    const { role } = run(stubborn);
    await role.stop(50, never);
    expect(isAlive(role.pid ?? 0)).toBe(false);
  });

  test("a second wish to stop does not wait", async () => {
    const { role } = run(stubborn);
    const hurry = new AbortController();
    const stopped = role.stop(60_000, hurry.signal);
    hurry.abort();
    await stopped;
    expect(isAlive(role.pid ?? 0)).toBe(false);
  });
});
