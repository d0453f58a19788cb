import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";
import { expect, test } from "@/e2e/support/test";
import { freePort } from "@/server/ports";

// Over HTTP: the hub's gateway, and the same handlers inside Next's own server, as a host that runs only Next mounts them.

test.describe.configure({ mode: "serial" });

const ROOT = join(import.meta.dirname, "..");
const messages = [{ role: "user" as const, content: "Hello" }];
let server: ChildProcess | undefined;
let portable = "";
const DOORS = ["gateway", "portable door"] as const;
const baseOf = (door: (typeof DOORS)[number], { url }: { url: string }) =>
  door === "gateway" ? `${url}/api/v1` : portable;

test.beforeAll(async ({ hub }) => {
  const secret = (name: string) => readFileSync(join(hub.dataDir, "secrets", name), "utf8").trim();
  const port = await freePort();
  server = spawn(process.execPath, [join(ROOT, ".next/standalone/server.js")], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env.PATH,
      NODE_ENV: "production",
      HOSTNAME: "127.0.0.1",
      PORT: String(port),
      HUB_ROLE: "web",
      HUB_NODE_NAME: "portable-test",
      HUB_DATA_DIR: hub.dataDir,
      HUB_PRODUCTION: "false",
      LOG_LEVEL: "error",
      DATABASE_URL: readFileSync(join(hub.dataDir, "postgres.url"), "utf8").trim(),
      HUB_SECRETS_KEY: secret("HUB_SECRETS_KEY"),
      HUB_KEY_PEPPER: secret("HUB_KEY_PEPPER"),
      AUTH_SECRET: secret("AUTH_SECRET"),
    },
  });
  portable = `http://127.0.0.1:${port}/api/v1`;
  await expect
    .poll(
      () =>
        fetch(`${portable}/models`).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 20_000 },
    )
    .toBe(401);
});

test.afterAll(async () => {
  if (!server || server.exitCode !== null) return;
  server.kill("SIGTERM");
  await once(server, "exit");
});

for (const door of DOORS) {
  test(`${door}: the official SDK gets a whole answer, a stream and the models`, async ({ hub }) => {
    const baseURL = baseOf(door, hub);
    const client = new OpenAI({ apiKey: hub.sandboxKey, baseURL, maxRetries: 0 });
    const whole = await client.chat.completions.create({ model: "sandbox/chat", messages }).withResponse();
    expect(whole.data.choices[0]?.finish_reason).toBe("stop");
    expect(whole.response.headers.get("x-request-id")).toMatch(/^req_/);
    const streamed = await client.chat.completions.stream({ model: "sandbox/chat", messages }).finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe(whole.data.choices[0]?.message.content);
    expect((await client.models.list()).data.map(({ id }) => id)).toContain("sandbox/chat");
    expect((await client.models.retrieve("sandbox/chat")).id).toBe("sandbox/chat");
    for (const id of ["sandbox/chat", "sandbox%2Fchat"]) {
      const response = await fetch(`${baseURL}/models/${id}`, {
        headers: { authorization: `Bearer ${hub.sandboxKey}` },
      });
      expect(response.status).toBe(200);
    }
  });

  test(`${door}: errors, preflights and slashes are ours, not the framework's`, async ({ hub }) => {
    const baseURL = baseOf(door, hub);
    const authorization = `Bearer ${hub.sandboxKey}`;
    const call = (path: string, init: RequestInit = {}) =>
      fetch(`${baseURL}${path}`, { redirect: "manual", ...init, headers: { authorization, ...init.headers } });
    const unknown = await call("/nothing/here");
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: "unknown_url", type: "invalid_request_error" } });
    const wrongMethod = await call("/chat/completions", { method: "DELETE" });
    expect(wrongMethod.status).toBe(405);
    expect(wrongMethod.headers.get("allow")).toContain("POST");
    expect((await call("/chat/completions", { method: "OPTIONS" })).status).toBe(204);
    expect((await call("/models/")).status).toBe(200);
    const broken = await call("/chat/completions", { method: "POST", body: "{" });
    expect(broken.status).toBe(400);
    expect(await broken.json()).toMatchObject({ error: { type: "invalid_request_error", param: null } });
  });

  test(`${door}: a body of 19 MB arrives whole, one of 22 MB is refused`, async ({ hub }) => {
    const baseURL = baseOf(door, hub);
    const post = (bytes: number) =>
      fetch(`${baseURL}/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${hub.sandboxKey}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "sandbox/chat", messages, padding: "x".repeat(bytes) }),
      });
    expect((await post(19_000_000)).status).toBe(200);
    const refused = await post(22_000_000);
    expect(refused.status).toBe(413);
    expect(await refused.json()).toMatchObject({ error: { code: "request_too_large" } });
  });
}

test("an address below /api that does not exist says so in JSON, whoever asks", async ({ hub }) => {
  for (const path of ["/api", "/api/nothing", "/api/v2/chat/completions", "/api/admin/nothing", "/api/auth/nothing"]) {
    for (const method of ["GET", "POST"]) {
      const response = await fetch(hub.url + path, { method, headers: { accept: "text/html" }, redirect: "manual" });
      expect(response.status, `${method} ${path}`).toBe(404);
      expect(await response.json(), `${method} ${path}`).toMatchObject({ error: { code: "unknown_url", param: null } });
    }
  }
});

test("web itself, which holds no key for provider secrets, answers 503 and says why", async () => {
  const port = await freePort();
  const keyless = spawn(process.execPath, [join(ROOT, ".next/standalone/server.js")], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { PATH: process.env.PATH, NODE_ENV: "production", HOSTNAME: "127.0.0.1", PORT: String(port), HUB_ROLE: "web" },
  });
  try {
    const call = () => fetch(`http://127.0.0.1:${port}/api/v1/chat/completions`, { method: "POST", body: "{}" });
    await expect
      .poll(
        () =>
          call().then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 20_000 },
      )
      .toBe(503);
    const response = await call();
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await response.json()).toMatchObject({
      error: { code: "unavailable", message: expect.stringContaining("HUB_SECRETS_KEY") },
    });
  } finally {
    keyless.kill("SIGTERM");
    await once(keyless, "exit");
  }
});
