import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, vi } from "vitest";
import { createGatewayServer } from "@/server/gateway/server";

it("ends an upload that goes on long after its answer", async () => {
  // safe because the health endpoint asks for nothing
  const server = createGatewayServer({} as Parameters<typeof createGatewayServer>[0]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const request = http.request({
      port,
      path: "/api/health",
      method: "POST",
      headers: { "transfer-encoding": "chunked" },
    });
    const closed = new Promise((resolve) => request.on("close", resolve));
    request.on("error", () => {});
    const answered = new Promise<http.IncomingMessage>((resolve) => request.on("response", resolve));
    request.write("drop by drop");
    const response = await answered;
    expect(response.statusCode).toBe(200);
    response.resume();
    await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0));
    vi.advanceTimersByTime(10_000);
    await closed;
  } finally {
    vi.useRealTimers();
    server.closeAllConnections();
    server.close();
  }
});
