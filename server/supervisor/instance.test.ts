import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { assertPortFree, claimDataDir, isPortFree, keptPort } from "@/server/supervisor/instance";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "instance-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe("the data directory", () => {
  test("serves one hub at a time", () => {
    const lock = claimDataDir(dataDir, "http://localhost:1");
    expect(() => claimDataDir(dataDir, "http://localhost:2")).toThrow(
      `Another hub (process ${process.pid}, http://localhost:1) uses ${dataDir}: stop it, or set HUB_DATA_DIR`,
    );
    lock.release();
    claimDataDir(dataDir, "http://localhost:2").release();
  });

  test.each([
    ["a process that is gone", JSON.stringify({ pid: 2 ** 22 + 1, born: "1", url: "", roles: {} })],
    ["a later process with the same number", JSON.stringify({ pid: process.pid, born: "1", url: "", roles: {} })],
    ["half a file", "{"],
  ])("is taken over from %s", (_case, claim) => {
    writeFileSync(join(dataDir, "hub.json"), claim);
    claimDataDir(dataDir, "http://localhost:1");
    expect(JSON.parse(readFileSync(join(dataDir, "hub.json"), "utf8")).pid).toBe(process.pid);
  });

  test("says which processes run, to its owner alone", () => {
    claimDataDir(dataDir, "http://localhost:1").update({ gateway: 7 });
    expect(JSON.parse(readFileSync(join(dataDir, "hub.json"), "utf8")).roles).toEqual({ gateway: 7 });
    expect(statSync(join(dataDir, "hub.json")).mode & 0o777).toBe(0o600);
  });
});

describe("ports", () => {
  test("one in use is refused with a sentence", async () => {
    const { server, port } = await listen();
    await expect(assertPortFree(port)).rejects.toThrow(
      `Port ${port} is in use: stop what uses it, or set PORT to another one.`,
    );
    await close(server);
    await assertPortFree(port);
  });

  test("an internal one is kept until somebody else takes it", async () => {
    const port = await keptPort(dataDir, "web");
    expect(await keptPort(dataDir, "web")).toBe(port);
    const { server } = await listen(port);
    const other = await keptPort(dataDir, "web");
    await close(server);
    expect(other).not.toBe(port);
    expect(await isPortFree(port, "127.0.0.1")).toBe(true);
    expect(await keptPort(dataDir, "web")).toBe(other);
  });
});

function listen(port = 0): Promise<{ server: Server; port: number }> {
  return new Promise((resolve) => {
    const server = createServer().listen(port, () => {
      const address = server.address();
      resolve({ server, port: typeof address === "object" && address ? address.port : 0 });
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
