import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { asAppError } from "@/lib/errors";
import { fromNode, toNode } from "@/lib/http/node-door";

const LIMIT_BYTES = 1024 * 1024;
const server = http.createServer(async (incoming, outgoing) => {
  const reply = toNode(outgoing);
  try {
    const body = await fromNode(incoming, null).readBody(LIMIT_BYTES);
    reply.send(200, {}, String(body.length));
  } catch (error) {
    reply.send(asAppError(error).status, {}, asAppError(error).message);
  }
});
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it("reads a body up to its limit", async () => {
  const response = await fetch(url, { method: "POST", body: "x".repeat(LIMIT_BYTES) });
  expect([response.status, await response.text()]).toEqual([200, String(LIMIT_BYTES)]);
});

it.each([
  ["declared", () => "x".repeat(30 * LIMIT_BYTES)],
  ["not declared", () => new Blob(["x".repeat(30 * LIMIT_BYTES)]).stream()],
])("answers a body beyond it, %s, instead of cutting the client off", async (_name, body) => {
  for (let round = 0; round < 5; round++) {
    const init = { method: "POST", body: body(), duplex: "half", headers: { "content-encoding": "gzip" } };
    const response = await fetch(url, init as RequestInit);
    expect([response.status, await response.text()]).toEqual([413, "The request body is larger than 1 MB."]);
  }
});

it("answers an upload that brings less than 1 kB per second", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    const request = http.request(url, { method: "POST", headers: { "transfer-encoding": "chunked" } });
    const answered = new Promise<http.IncomingMessage>((resolve) => request.on("response", resolve));
    const arrived = new Promise((resolve) => server.once("request", resolve));
    request.write("x".repeat(15_000));
    await arrived;
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    await new Promise(setImmediate);
    // enough for one window, not for two
    vi.advanceTimersByTime(10_000);
    vi.advanceTimersByTime(10_000);
    const response = await answered;
    expect([response.statusCode, String(await response.toArray())]).toEqual([
      400,
      "The request body came too slowly: less than 1 kB per second.",
    ]);
    request.destroy();
  } finally {
    vi.useRealTimers();
  }
});
