import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AdminHub, startAdminHub } from "@/e2e/support/admin-api";
import type { ProbeProvider } from "@/lib/catalog/probe";
import { PROBE_TASK, runProbe } from "@/lib/catalog/probe-task";
import { egressFetch } from "@/lib/egress";
import { createPool } from "@/lib/pg";

let hub: AdminHub;
let origin: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let stopWorker: () => Promise<void>;
let made = 0;
const server = createServer((request, response) => answer(request, response));

/** What lib/gateway/providers/openai.ts declares, as far as a probe needs it. */
const openai: ProbeProvider = {
  needsCredential: true,
  listModels: {
    request: ({ baseUrl, secret }) => ({
      url: `${baseUrl}/models`,
      headers: { authorization: `Bearer ${secret.apiKey}` },
    }),
    read: (body) => (body as { data: { id: string }[] }).data.map(({ id }) => ({ id })),
  },
  classify: ({ status, body }) => ({
    class: "auth",
    status,
    message: (JSON.parse(body) as { error: { message: string } }).error.message,
  }),
};

beforeAll(async () => {
  hub = await startAdminHub();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stopWorker = startWorker();
});
afterAll(async () => {
  await stopWorker();
  server.close();
  await hub.close();
});

/** Takes the jobs that web adds, as server/worker.ts does: with the worker's role, and the private key. */
function startWorker(): () => Promise<void> {
  const pool = createPool(hub.database.roleUrl("worker"), { max: 2, applicationName: "test-worker" });
  const listener = hub.database.pool;
  let running = true;
  const loop = (async () => {
    while (running) {
      const { rows } = await listener.query(
        `DELETE FROM graphile_worker._private_jobs job USING graphile_worker._private_tasks task
         WHERE task.id = job.task_id AND task.identifier = $1 RETURNING job.payload`,
        [PROBE_TASK],
      );
      for (const { payload } of rows) {
        const findProvider = (kind: string) => (kind === "openai" ? openai : null);
        await runProbe(
          {
            ...{ sql: pool, secretsKey: hub.secretsKey, findProvider, fetch: egressFetch("operator") },
            ...{ callOnce: async () => null, refusalOf: () => "auth" },
          },
          payload,
        );
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  return async () => {
    running = false;
    await loop;
    await pool.end();
  };
}

async function credential(apiKey = "sk-probe-secret-0001"): Promise<{ slug: string; id: string }> {
  const slug = `probe${++made}`;
  await hub.call("POST", "/providers", { slug, kind: "openai", baseUrl: `${origin}/v1` });
  const { body } = await hub.call("POST", `/providers/${slug}/credentials`, { name: "main", apiKey });
  return { slug, id: body.id };
}

describe("a credential that works", () => {
  test("is tested with its own secret; the answer says how long it took", async () => {
    let seen: string | undefined;
    answer = (request, response) => {
      seen = `${request.url} ${request.headers.authorization}`;
      response.end('{"data":[{"id":"gpt-a"},{"id":"gpt-5.5"}]}');
    };
    const { slug, id } = await credential();
    const tested = await hub.call("POST", `/credentials/${id}/test`);
    expect(tested.body).toEqual({ ok: true, latencyMs: expect.any(Number) });
    expect(seen).toBe("/v1/models Bearer sk-probe-secret-0001");
    expect((await hub.call("GET", `/providers/${slug}/credentials`)).body.data[0].lastTestedAt).not.toBeNull();
    const models = await hub.call("GET", `/providers/${slug}/upstream-models`);
    expect(models.body).toEqual({
      data: [
        { id: "gpt-a", name: null, model: null, suggestedId: "openai/gpt-a", figures: null },
        {
          ...{ id: "gpt-5.5", name: "GPT-5.5", model: null, suggestedId: "openai/gpt-5.5" },
          figures: expect.objectContaining({ type: "chat", contextWindow: 1_050_000, disputed: [] }),
        },
      ],
      nextCursor: null,
    });
  });

  test("becomes active again after it was disabled", async () => {
    answer = (_, response) => response.end('{"data":[]}');
    const { slug, id } = await credential();
    await hub.database.pool.query("UPDATE credential SET status = 'disabled', status_reason = 'auth' WHERE id = $1", [
      id,
    ]);
    await hub.call("POST", `/credentials/${id}/test`);
    expect((await hub.call("GET", `/providers/${slug}/credentials`)).body.data[0]).toMatchObject({
      status: "active",
      statusReason: null,
    });
  });
});

describe("a credential that fails", () => {
  test("says why, without repeating the secret or any other", async () => {
    const message = "Incorrect API key provided: sk-probe-secret-0001, not sk-somebody-else-0002.";
    answer = (_, response) => response.writeHead(401).end(JSON.stringify({ error: { message } }));
    const { slug, id } = await credential();
    const tested = await hub.call("POST", `/credentials/${id}/test`);
    expect(tested.status).toBe(200);
    expect(tested.body).toMatchObject({ ok: false, error: "HTTP 401: Incorrect API key provided: …, not …." });
    const { rows } = await hub.database.pool.query("SELECT json_agg(p)::text AS text FROM provider_probe p");
    expect(rows[0].text).not.toContain("secret-0001");
    const models = await hub.call("GET", `/providers/${slug}/upstream-models`);
    expect([models.status, models.body.error.code]).toEqual([502, "upstream_error"]);
  });

  test("HTML instead of JSON, and a closed port", async () => {
    answer = (_, response) => response.end("<html>");
    const { slug, id } = await credential();
    expect((await hub.call("POST", `/credentials/${id}/test`)).body.error).toBe("The provider's answer is not JSON.");
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    await hub.call("PATCH", `/providers/${slug}`, { baseUrl: `http://127.0.0.1:${port}/v1` });
    await hub.call("PATCH", `/credentials/${id}`, { apiKey: "sk-again-0002" });
    expect((await hub.call("POST", `/credentials/${id}/test`)).body.error).toContain("ECONNREFUSED");
  });

  test("a secret sealed for another address is never sent there", async () => {
    let asked = false;
    answer = (_, response) => {
      asked = true;
      response.end('{"data":[]}');
    };
    const { id } = await credential();
    // as somebody would who can write the database and nothing else
    await hub.database.pool.query("UPDATE provider SET base_url = $1 WHERE slug = $2", [
      origin.replace("127.0.0.1", "localhost"),
      `probe${made}`,
    ]);
    expect((await hub.call("POST", `/credentials/${id}/test`)).body).toMatchObject({
      ok: false,
      error: expect.stringContaining("cannot be opened"),
    });
    expect(asked).toBe(false);
  });
});

test("a provider without an active credential cannot list its models", async () => {
  const { slug, id } = await credential();
  await hub.call("PATCH", `/credentials/${id}`, { enabled: false });
  const models = await hub.call("GET", `/providers/${slug}/upstream-models`);
  expect(models.body.error.message).toBe("The provider has no active credential.");
});
