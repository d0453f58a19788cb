import { randomBytes } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { TestDatabase } from "@/e2e/support/database";
import type { Gateway } from "@/lib/gateway/gateway";
import { startGateway } from "@/lib/gateway/runtime";
import { fromNode, toNode } from "@/lib/http/node-door";
import { answerWebRequest } from "@/lib/http/web-door";
import { logger } from "@/lib/log";

export type DoorName = "fast" | "portable";

/** One way in. `fetch` reaches the door whatever it is made of. */
export type Door = { baseUrl: string; fetch: typeof globalThis.fetch };

/** What came in, and what was answered (a client that left early has no answer). */
export type AccessLog = {
  requests: { id: string; method: string; path: string }[];
  answers: { id: string; status: number; isReplay: boolean }[];
};

export type OpenDoors = Record<DoorName, Door> & { accessLog: AccessLog; close(): Promise<void> };

type Options = { database: TestDatabase; keyPepper: string; secretsKey: string };

/** One gateway, on Node's `http` as the gateway process mounts it and on the web's Request and Response as the framework does. */
export async function openDoors({ database, keyPepper, secretsKey }: Options): Promise<OpenDoors> {
  const runtime = await startGateway({
    databaseUrl: database.roleUrl("gateway"),
    node: `contract-${randomBytes(4).toString("hex")}`,
    secretsKey,
    peppers: [keyPepper],
    namedStatements: true,
    spoolDirectory: null,
    log: logger("contract"),
    onFenced: () => {},
  });
  const accessLog: AccessLog = { requests: [], answers: [] };
  const gateway: Gateway = {
    ...runtime.gateway,
    handle(request, reply) {
      const { id, method, path } = request;
      accessLog.requests.push({ id, method, path });
      return runtime.gateway.handle(request, reply);
    },
  };
  const answered = (status: number, header: (name: string) => unknown) => {
    const id = header("x-request-id");
    if (id) accessLog.answers.push({ id: String(id), status, isReplay: header("x-aigne-replayed") != null });
  };
  const server = http.createServer((incoming, outgoing) => {
    outgoing.once("close", () => answered(outgoing.statusCode, (name) => outgoing.getHeader(name)));
    void gateway.handle(fromNode(incoming, incoming.socket.remoteAddress ?? null), toNode(outgoing));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    fast: { baseUrl: `http://127.0.0.1:${port}/api/v1`, fetch: globalThis.fetch },
    portable: {
      baseUrl: "http://portable.test/api/v1",
      fetch: async (input, init) => {
        const request = new Request(input, init);
        const response = await answerWebRequest(gateway, request, "127.0.0.1");
        answered(response.status, (name) => response.headers.get(name));
        // over a wire, whoever aborts reads no further; the SDKs count on it
        const { signal } = request;
        const body = response.body?.pipeThrough(new TransformStream(), { signal }) ?? null;
        return new Response(body, response);
      },
    },
    accessLog,
    close: async () => {
      await runtime.drain(5_000);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await runtime.stop();
    },
  };
}
