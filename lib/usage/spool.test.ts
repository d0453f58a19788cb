import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openSpool } from "@/lib/usage/spool";

let directory: string;
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), "hub-spool-"));
});
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

const open = (epoch: string) =>
  openSpool({
    ...{ directory, node: "gateway", epoch },
    onError: (error) => {
      throw error;
    },
  });

// a process that stood still is taken for dead and started anew, and wakes up
test("what an earlier life writes after a later one has cleared up is found by the next", () => {
  const first = open("1");
  first.append('{"id":"before"}');
  const second = open("2");
  const { lines, discard } = second.leftovers();
  expect(lines).toEqual(['{"id":"before"}']);
  discard();
  first.append('{"id":"after"}');
  expect(open("3").leftovers().lines).toContain('{"id":"after"}');
});

test("what an earlier life writes while a later one settles its lines is not cleared away", () => {
  const first = open("1");
  first.append('{"id":"before"}');
  const { discard } = open("2").leftovers();
  first.append('{"id":"meanwhile"}');
  discard();
  expect(open("3").leftovers().lines).toContain('{"id":"meanwhile"}');
});

// a disk without room takes the beginning of a line, then nothing
test("a line that did not fit spoils none of its neighbours", () => {
  const troubles: unknown[] = [];
  const spool = openSpool({ directory, node: "gateway", epoch: "1", onError: (error) => troubles.push(error) });
  spool.append('{"id":"before"}');
  const write = fs.writeSync;
  const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  vi.spyOn(fs, "writeSync")
    .mockImplementationOnce((descriptor) => write(descriptor, '{"id":'))
    .mockImplementationOnce(() => {
      throw full;
    });
  spool.append('{"id":"lost"}');
  vi.restoreAllMocks();
  spool.append('{"id":"after"}');
  expect(open("2").leftovers().lines).toEqual(['{"id":"before"}', '{"id":"after"}']);
  expect(troubles).toEqual([full]);
});
