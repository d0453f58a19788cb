import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import type { Gateway } from "@/lib/gateway/gateway";
import { fromNode, toNode } from "@/lib/http/node-door";
import { answerWebRequest } from "@/lib/http/web-door";

const PACKET = Buffer.alloc(64 * 1024, "x");
const MOST_BYTES = 256 * 1024;

/** Writes as relay and translation do: until the reply says that its client is slow. `waiting` is what it has taken by then
 *  beyond what the client's side had room for. */
function eager() {
  let taken = 0;
  let full: () => void = () => {};
  const isFull = new Promise<void>((resolve) => {
    full = resolve;
  });
  const gateway: Gateway = {
    async handle(_request, reply) {
      reply.start(200, { "content-type": "text/event-stream" });
      for (;;) {
        taken += PACKET.length;
        if (!reply.write(PACKET)) break;
        await new Promise((resume) => setImmediate(resume));
      }
      full();
      await new Promise<void>((resume) => reply.onGone(resume));
    },
  };
  return { gateway, isFull, taken: () => taken };
}

it("the fast door holds no more than 256 kB for a client that does not read", async () => {
  const { gateway, isFull } = eager();
  let waiting = Number.POSITIVE_INFINITY;
  const server = http.createServer((incoming, outgoing) => {
    void gateway.handle(fromNode(incoming, null), toNode(outgoing));
    void isFull.then(() => {
      waiting = outgoing.writableLength;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const request = http.get({ port: (server.address() as AddressInfo).port });
  const response = await new Promise<http.IncomingMessage>((resolve) => request.on("response", resolve));
  response.pause();
  await isFull;
  expect(waiting).toBeLessThanOrEqual(MOST_BYTES);
  request.destroy();
  server.closeAllConnections();
  server.close();
});

it("the portable door holds no more than 256 kB for a client that does not read", async () => {
  const { gateway, isFull, taken } = eager();
  const response = await answerWebRequest(gateway, new Request("http://portable.test/"), null);
  await isFull;
  expect(taken()).toBeLessThanOrEqual(MOST_BYTES);
  await response.body?.cancel();
});

it("the fast door tells who waits for a slow client that it has left", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = http.createServer((_incoming, outgoing) => {
    const reply = toNode(outgoing);
    reply.start(200, {});
    const fill = () => {
      if (reply.gone) return resolve(true);
      while (reply.write(PACKET));
      reply.onDrain(fill);
    };
    fill();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const request = http.get({ port: (server.address() as AddressInfo).port }, (response) => {
    response.pause();
    request.destroy();
  });
  request.on("error", () => {});
  expect(await promise).toBe(true);
  server.closeAllConnections();
  server.close();
});
