import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import type { Gateway } from "@/lib/gateway/gateway";
import { fromNode, toNode } from "@/lib/http/node-door";
import { answerWebRequest } from "@/lib/http/web-door";

/** As a call does that fails after its status was sent, the gateway's own end of the answer included. */
const gateway: Gateway = {
  async handle(_request, reply) {
    reply.start(200, { "content-type": "application/json" });
    reply.write(" ");
    await new Promise((resume) => setImmediate(resume));
    reply.cut();
    reply.end();
  },
};

it("the fast door closes the connection of an answer that is cut", async () => {
  const server = http.createServer((incoming, outgoing) => {
    void gateway.handle(fromNode(incoming, null), toNode(outgoing));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
  server.close();
});

it("the portable door errors the body of an answer that is cut", async () => {
  const response = await answerWebRequest(gateway, new Request("http://portable.test/"), null);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
});
