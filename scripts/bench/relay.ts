import http from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";

/** The yardstick: what the least possible Node relay costs. No key, no routing, no metering, no database. */
const upstream = new Pool(process.argv[2] as string, { connections: 256, pipelining: 1 });

const server = http.createServer({ keepAliveTimeout: 70_000 }, (request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => void relay(Buffer.concat(parts), response).catch(() => response.destroy()));
});

async function relay(body: Buffer, response: http.ServerResponse): Promise<void> {
  const reply = await upstream.request({
    path: "/v1/chat/completions",
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer sk-bench" },
    body,
  });
  response.writeHead(reply.statusCode, { "content-type": String(reply.headers["content-type"]) });
  for await (const chunk of reply.body) response.write(chunk);
  response.end();
}

server.listen(0, "127.0.0.1", () =>
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`),
);
process.once("SIGTERM", () => process.exit(0));
