import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { expect, it, vi } from "vitest";
import type { Reply } from "@/lib/gateway/exchange";
import { createGatewayServer } from "@/server/gateway/server";

it("ends an upload that goes on long after its answer", async () => {
  // safe because the health endpoint asks for nothing
  const server = createGatewayServer({ isDraining: () => false } as Parameters<typeof createGatewayServer>[0]);
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

it.each([
  ["/api/v1/models", "gateway"],
  ["/api/v2/chat", "gateway"],
  ["/api/ai/models?type=chat", "gateway"],
  ["/api/user/info", "gateway"],
  ["/__blocklet__.js?type=json", "gateway"],
  ["/api/ai/other", "web"],
  ["/api/users", "web"],
  ["/", "web"],
])("%s is answered by the %s", async (path, expected) => {
  const deps = {
    runtime: { gateway: { handle: async (_request: unknown, reply: Reply) => reply.send(200, {}, "gateway") } },
    web: { pass: (_incoming: unknown, outgoing: http.ServerResponse) => outgoing.end("web") },
    clients: { addressOf: () => null },
    metrics: { observe: () => {} },
    isDraining: () => false,
    calls: new Set(),
  };
  // safe because these are all that the routing uses
  const server = createGatewayServer(deps as unknown as Parameters<typeof createGatewayServer>[0]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  expect(await response.text()).toBe(expected);
  server.closeAllConnections();
  server.close();
});

it.each([
  ["/api/v1/responses", "h2c", 200, "gateway"],
  ["/api/v1/responses", "websocket", 200, "gateway"],
  ["/_next/hmr", "websocket", 101, ""],
])("a request for %s that offers %s is %i %s", async (path, protocol, status, expected) => {
  const deps = {
    runtime: { gateway: { handle: async (_request: unknown, reply: Reply) => reply.send(200, {}, "gateway") } },
    web: { upgrade: (_incoming: unknown, socket: Socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n") },
    clients: { addressOf: () => null },
    metrics: { observe: () => {} },
    isDraining: () => false,
    calls: new Set(),
  };
  // safe because these are all that the routing uses
  const server = createGatewayServer(deps as unknown as Parameters<typeof createGatewayServer>[0]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const request = http.request({ port, path, headers: { connection: "upgrade", upgrade: protocol } });
    request.on("response", async (response) =>
      resolve({ status: response.statusCode, body: (await response.toArray()).join("") }),
    );
    request.on("upgrade", (response) => resolve({ status: response.statusCode, body: "" }));
    request.on("error", reject).end();
  });
  expect(answer).toEqual({ status, body: expected });
  server.closeAllConnections();
  server.close();
});
