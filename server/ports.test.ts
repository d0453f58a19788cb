import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { freePort, whyTaken } from "@/server/ports";

test("a free port can be had, and is none that an outgoing connection may get meanwhile", async () => {
  const port = await freePort("127.0.0.1");
  expect(await whyTaken(port, "127.0.0.1")).toBeUndefined();
  const first = process.platform === "linux" ? readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8") : "49152";
  expect(port).toBeLessThan(Number.parseInt(first, 10));
});

test("a port in use is told by its error", async () => {
  const server = createServer();
  const port = await freePort("127.0.0.1");
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  expect(await whyTaken(port, "127.0.0.1")).toBe("EADDRINUSE");
  server.close();
});
