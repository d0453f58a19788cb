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
            ...{ callOnce: async () => ({ failure: null, inputTokens: 0, outputTokens: 0 }), refusalOf: () => "auth" },
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

describe("the life of a credential", () => {
  /** Keys that contain "bad" are refused. */
  const judge: typeof answer = (request, response) => {
    const isBad = request.headers.authorization?.includes("bad");
    response.writeHead(isBad ? 401 : 200);
    response.end(isBad ? '{"error":{"message":"Incorrect API key"}}' : '{"data":[{"id":"m"}]}');
  };
  const read = async (slug: string) => (await hub.call("GET", `/providers/${slug}/credentials`)).body.data;

  test("it is tested before it is stored; what fails is not, unless it is stored untested", async () => {
    answer = judge;
    const { slug } = await credential();
    const add = (name: string, apiKey: string, test: boolean) =>
      hub.call("POST", `/providers/${slug}/credentials`, { name, apiKey, test });
    expect((await add("good", "sk-good-0001", true)).body).toMatchObject({ lastTestedAt: expect.any(String) });
    const refused = await add("bad", "sk-bad-0002", true);
    expect([refused.status, refused.body.error.message]).toEqual([502, "HTTP 401: Incorrect API key"]);
    expect((await add("later", "sk-bad-0003", false)).body).toMatchObject({ status: "active", lastTestedAt: null });
    expect((await read(slug)).map(({ name }: { name: string }) => name)).toEqual(["main", "good", "later"]);
    const { rows } = await hub.database.pool.query(
      "SELECT count(*)::int AS kept FROM provider_probe WHERE sealed IS NOT NULL",
    );
    expect(rows[0].kept).toBe(0);
  });

  test("rotating, the old secret serves until the new one is found to work", async () => {
    answer = judge;
    const { slug, id } = await credential("sk-first-0001");
    const rotate = (apiKey: string) => hub.call("PATCH", `/credentials/${id}`, { apiKey, test: true });
    expect((await rotate("sk-bad-0002")).status).toBe(502);
    expect((await read(slug))[0]).toMatchObject({ last4: "0001", status: "active" });
    expect((await rotate("sk-second-0003")).body).toMatchObject({ last4: "0003", lastTestedAt: expect.any(String) });
  });

  test("one whose key was refused is verified before it is used again", async () => {
    answer = judge;
    const { slug, id } = await credential("sk-bad-0001");
    expect((await hub.call("POST", `/credentials/${id}/test`)).body.ok).toBe(false);
    expect((await read(slug))[0]).toMatchObject({ status: "disabled", refusal: "auth" });
    expect((await hub.call("PATCH", `/credentials/${id}`, { enabled: true })).body.status).toBe("verifying");
    await expect.poll(async () => (await read(slug))[0].status, { timeout: 5_000 }).toBe("disabled");
    answer = (_, response) => response.end('{"data":[]}');
    await hub.call("PATCH", `/credentials/${id}`, { enabled: true });
    await expect.poll(async () => (await read(slug))[0].status, { timeout: 5_000 }).toBe("active");
  });

  test("caps are kept, changed and taken away", async () => {
    const { id } = await credential();
    const patch = (body: object) => hub.call("PATCH", `/credentials/${id}`, body);
    expect((await patch({ rpm: 60, tpm: 90_000 })).body).toMatchObject({ rpm: 60, tpm: 90_000 });
    expect((await patch({ rpm: null })).body).toMatchObject({ rpm: null, tpm: 90_000 });
    expect((await patch({ rpm: 0 })).status).toBe(400);
  });

  test("the last route of a served model is kept unless that is meant", async () => {
    const { slug, id } = await credential();
    const model = `test/last-route-${made}`;
    await hub.call("PUT", `/models/${model}`, { type: "chat", offers: [{ provider: slug, upstreamModel: "m" }] });
    const kept = await hub.call("DELETE", `/credentials/${id}`);
    expect([kept.status, kept.body.error.message]).toEqual([409, expect.stringContaining(model)]);
    expect(kept.body.error.message).toContain("?removeLastRoute=true");
    const { body: spare } = await hub.call("POST", `/providers/${slug}/credentials`, {
      name: "b",
      apiKey: "sk-b-0002",
    });
    expect((await hub.call("DELETE", `/credentials/${id}`)).status).toBe(200);
    expect((await hub.call("DELETE", `/credentials/${spare.id}`)).status).toBe(409);
    expect((await hub.call("DELETE", `/credentials/${spare.id}?removeLastRoute=true`)).status).toBe(200);
  });

  test("all are tested in the background; health says how far it is, and what is left can be cancelled", async () => {
    answer = judge;
    const { slug } = await credential("sk-bad-0009");
    const started = await hub.call("POST", "/health/test-all");
    expect(started.status).toBe(201);
    const health = async () => (await hub.call("GET", "/health")).body;
    await expect.poll(async () => (await health()).run.isRunning, { timeout: 10_000 }).toBe(false);
    const { run, providers, checks } = await health();
    expect(run).toMatchObject({ id: started.body.id, done: started.body.total, isCancelled: false });
    expect(run.failed).toBeGreaterThan(0);
    const own = providers.find((provider: { slug: string }) => provider.slug === slug);
    expect(own.credentials).toMatchObject([{ state: "disabled", hour: { attempts: 0, successShare: null } }]);
    expect(checks[0]).toMatchObject({ origin: "operator", method: "models" });
    expect((await hub.call("DELETE", "/health/test-all")).body).toEqual({ cancelled: 0 });
  });
});
