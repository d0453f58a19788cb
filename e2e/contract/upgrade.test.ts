import http from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ContractHub, DOORS, startContractHub, type Tenant } from "./hub";

let hub: ContractHub;
let tenant: Tenant;

beforeAll(async () => {
  hub = await startContractHub();
  tenant = await hub.tenant();
});
afterAll(() => hub.stop());

/** `fetch` sends no such header; what arrives at the portable door may hold it. */
async function offer(door: (typeof DOORS)[number], path: string, protocol: string) {
  const headers = { authorization: `Bearer ${tenant.key}`, connection: "upgrade", upgrade: protocol };
  if (door === "portable") {
    const response = await hub.sendFromOrigin(door, path, { headers });
    return { status: response.status, id: response.headers.get("x-request-id"), body: await response.text() };
  }
  const { port } = new URL(hub.origin(door));
  return new Promise<{ status: number | undefined; id: unknown; body: string }>((resolve, reject) => {
    const request = http.request({ port, path, headers });
    request.on("response", async (response) =>
      resolve({
        status: response.statusCode,
        id: response.headers["x-request-id"],
        body: (await response.toArray()).join(""),
      }),
    );
    request.on("error", reject).end();
  });
}

describe.each(DOORS)("%s door", (door) => {
  test("a WebSocket is refused with JSON, so that clients fall back to HTTP", async () => {
    const { status, id, body } = await offer(door, "/api/v1/responses", "websocket");
    expect([status, id]).toEqual([426, expect.stringMatching(/^req_/)]);
    const message = "WebSockets are not offered here. Send the request over HTTP.";
    expect(JSON.parse(body)).toEqual({
      error: { message, type: "invalid_request_error", param: null, code: "upgrade_required" },
    });
  });

  test("an offer of HTTP/2, as Java's client makes it, changes nothing", async () => {
    const { status } = await offer(door, "/api/v1/models", "h2c");
    expect(status).toBe(200);
  });
});
